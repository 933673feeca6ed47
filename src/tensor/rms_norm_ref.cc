#include <cmath>

#include "tensor/rms_norm.h"
#include "tensor/sums.h"

namespace rlvr::ref {

void RmsNorm(View<const float> x, View<const float> weight, float eps, View<float> y,
             View<float> rstd) {
  const int64_t D = x.cols;
  for (int64_t t = 0; t < x.rows; ++t) {
    float s[kChains] = {};
    for (int64_t i = 0; i < D; ++i) s[i % kChains] = std::fma(x(t, i), x(t, i), s[i % kChains]);
    const float r = 1.0f / std::sqrt(TreeSum(s) / static_cast<float>(D) + eps);
    for (int64_t i = 0; i < D; ++i) y(t, i) = x(t, i) * r * weight.data[i];
    if (!rstd.empty()) rstd.data[t] = r;
  }
}

void RmsNormBackward(View<const float> dy, View<const float> x, View<const float> weight,
                     View<const float> rstd, std::span<const int64_t> unit_begin, View<float> dx,
                     View<float> dweight, View<float> y) {
  const int64_t D = x.cols;
  for (int64_t t = 0; t < x.rows; ++t) {
    float s[kChains] = {};
    for (int64_t i = 0; i < D; ++i) {
      s[i % kChains] = std::fma(dy(t, i) * weight.data[i], x(t, i), s[i % kChains]);
    }
    const float r = rstd.data[t];
    const float k = TreeSum(s) * r * r * r / static_cast<float>(D);
    for (int64_t i = 0; i < D; ++i)
      dx(t, i) += std::fma(-x(t, i), k, dy(t, i) * weight.data[i] * r);
    for (int64_t i = 0; i < y.cols; ++i) y(t, i) = x(t, i) * r * weight.data[i];
  }
  if (dweight.empty()) return;
  for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
    for (int64_t i = 0; i < D; ++i) {
      float sum = 0;
      for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; ++t) {
        sum = std::fma(dy(t, i), x(t, i) * rstd.data[t], sum);
      }
      dweight.data[i] += sum;
    }
  }
}

}  // namespace rlvr::ref
