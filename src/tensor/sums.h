// The fixed orders of addition that kernels and references share.
#ifndef RLVR_TENSOR_SUMS_H_
#define RLVR_TENSOR_SUMS_H_

namespace rlvr {

inline constexpr int kChains = 16;  // interleaved partial sums: element i belongs to chain i % 16

// s[j] += s[j + 8], then 4, 2, 1.
inline float TreeSum(const float* s) {
  float t[kChains];
  for (int j = 0; j < kChains; ++j) t[j] = s[j];
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) t[j] += t[j + width];
  }
  return t[0];
}

}  // namespace rlvr
#endif  // RLVR_TENSOR_SUMS_H_
