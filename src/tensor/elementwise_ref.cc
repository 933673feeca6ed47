#include <cmath>

#include "tensor/elementwise.h"

namespace rlvr::ref {

void SwiGlu(View<const float> gate_up, View<float> y) {
  const int64_t F = y.cols;
  for (int64_t t = 0; t < y.rows; ++t) {
    for (int64_t i = 0; i < F; ++i) {
      const float g = gate_up(t, i);
      y(t, i) = g / (1.0f + ExpF(-g)) * gate_up(t, F + i);
    }
  }
}

void SwiGluBackward(View<const float> dy, View<const float> gate_up, View<float> dgate_up,
                    View<float> y) {
  const int64_t F = dy.cols;
  for (int64_t t = 0; t < dy.rows; ++t) {
    for (int64_t i = 0; i < F; ++i) {
      const float g = gate_up(t, i), u = gate_up(t, F + i), d = dy(t, i);
      const float divisor = 1.0f + ExpF(-g);
      const float sigmoid = 1.0f / divisor;
      const float silu = g * sigmoid;
      y(t, i) = g / divisor * u;
      // silu' = sigmoid (1 + g (1 - sigmoid))
      dgate_up(t, i) = d * u * std::fma(silu, 1.0f - sigmoid, sigmoid);
      dgate_up(t, F + i) = d * silu;
    }
  }
}

}  // namespace rlvr::ref
