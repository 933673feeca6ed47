#include <cmath>

#include "tensor/adamw.h"

namespace rlvr::ref {

void AdamW(const AdamWOptions& o, int64_t step, float gradient_scale,
           std::span<const float> gradient, std::span<float> m, std::span<float> v,
           std::span<float> weight) {
  const auto beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const auto beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  const auto correct1 = static_cast<float>(1 / (1 - std::pow(o.beta1, static_cast<double>(step))));
  const auto correct2 = static_cast<float>(1 / (1 - std::pow(o.beta2, static_cast<double>(step))));
  const auto lr = static_cast<float>(o.lr), eps = static_cast<float>(o.eps);
  const auto decay = static_cast<float>(o.weight_decay);
  for (size_t i = 0; i < weight.size(); ++i) {
    const float g = gradient[i] * gradient_scale;
    m[i] = std::fma(beta1, m[i], rest1 * g);
    v[i] = std::fma(beta2, v[i], rest2 * g * g);
    const float update = m[i] * correct1 / (std::sqrt(v[i] * correct2) + eps);
    weight[i] = std::fma(-lr, std::fma(decay, weight[i], update), weight[i]);
  }
}

}  // namespace rlvr::ref
