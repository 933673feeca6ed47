#include "model/value_head.h"

#include <algorithm>

namespace rlvr {

std::vector<float> ValueForward(const Model& model, View<const float> hidden,
                                std::span<const int64_t> rows) {
  const float* score = model.weights() + model.layout().score;
  const double bias = model.weights()[model.layout().score_bias];
  std::vector<float> values;
  values.reserve(rows.size());
  for (const int64_t row : rows) {
    double value = bias;
    for (int64_t d = 0; d < hidden.cols; ++d) value += double{score[d]} * hidden.row(row)[d];
    values.push_back(static_cast<float>(value));
  }
  return values;
}

void ValueBackward(const Model& model, View<const float> hidden, std::span<const int64_t> rows,
                   std::span<const float> coefficients, View<float> dhidden, float* gradient) {
  const int64_t D = hidden.cols;
  const float* score = model.weights() + model.layout().score;
  float* dscore = gradient + model.layout().score;
  float* dbias = gradient + model.layout().score_bias;
  for (int64_t t = 0; t < dhidden.rows; ++t) std::fill_n(dhidden.row(t), D, 0.0f);
  for (size_t i = 0; i < rows.size(); ++i) {
    const float c = coefficients[i];
    const float* h = hidden.row(rows[i]);
    float* dh = dhidden.row(rows[i]);
    for (int64_t d = 0; d < D; ++d) {
      dh[d] += c * score[d];
      dscore[d] += c * h[d];
    }
    *dbias += c;
  }
}

}  // namespace rlvr
