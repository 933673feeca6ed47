#include <cmath>

#include "tensor/rope.h"

namespace rlvr::ref {

void Rope(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
          View<float> x) {
  const int64_t half = table.head_dim() / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    const float *c = table.cos(positions[t]), *s = table.sin(positions[t]);
    for (int64_t h = 0; h < num_heads; ++h) {
      float* a = x.row(t) + h * 2 * half;
      float* b = a + half;
      for (int64_t i = 0; i < half; ++i) {
        const float u = a[i], v = b[i];
        a[i] = std::fma(-v, s[i], u * c[i]);
        b[i] = std::fma(u, s[i], v * c[i]);
      }
    }
  }
}

}  // namespace rlvr::ref
