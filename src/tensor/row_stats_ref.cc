#include <cmath>

#include "tensor/elementwise.h"
#include "tensor/row_stats.h"
#include "tensor/sums.h"

namespace rlvr::ref {

RowStats ComputeRowStats(std::span<const float> logits, float temperature) {
  const float inverse = 1.0f / temperature;
  RowStats s;
  s.max = logits[0] * inverse;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] * inverse > s.max) {
      s.max = logits[i] * inverse;
      s.argmax = static_cast<int32_t>(i);
    }
  }
  float sum[kChains] = {}, weighted[kChains] = {};
  for (size_t i = 0; i < logits.size(); ++i) {
    const float z = logits[i] * inverse, e = ExpF(z - s.max);
    sum[i % kChains] += e;
    weighted[i % kChains] = std::fma(e, z, weighted[i % kChains]);
  }
  s.sum = TreeSum(sum);
  s.lse = s.max + LogF(s.sum);
  s.entropy = s.lse - TreeSum(weighted) / s.sum;
  return s;
}

void RowGradient(std::span<const float> logits, const RowStats& stats, float temperature,
                 const DenseGradient& gradient, std::span<float> dlogits) {
  const float inverse = 1.0f / temperature, inverse_sum = 1.0f / stats.sum;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float z = logits[i] * inverse;
    const float p = ExpF(z - stats.max) * inverse_sum;
    const float constant = std::fma(p, gradient.prob_slope, gradient.constant);
    const float slope = std::fma(p, gradient.prob_log_slope, gradient.log_slope);
    dlogits[i] = std::fma(p, std::fma(slope, z - stats.lse, constant), gradient.uniform) * inverse;
  }
}

void RowWeights(std::span<const float> logits, const RowStats& stats, float temperature,
                std::span<float> weights) {
  const float inverse = 1.0f / temperature;
  for (size_t i = 0; i < logits.size(); ++i) weights[i] = ExpF(logits[i] * inverse - stats.max);
}

}  // namespace rlvr::ref
