#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tensor/elementwise.h"
#include "tensor/exp_constants.h"

namespace rlvr {

float ExpF(float x) {
  if (std::isnan(x)) return x;
  if (x < kExpLow) return 0.0f;
  if (x > kExpHigh) return std::numeric_limits<float>::infinity();
  const float t = std::fma(x, kLog2E, kRoundMagic);
  const float n = t - kRoundMagic;
  float r = std::fma(-n, kLn2High, x);
  r = std::fma(-n, kLn2Low, r);
  float p = kExpTaylor[7];
  for (int i = 6; i >= 0; --i) p = std::fma(p, r, kExpTaylor[i]);
  const int32_t exponent = std::bit_cast<int32_t>(t) - kRoundMagicBits;
  const int32_t half = exponent >> 1;
  const auto power = [](int32_t e) { return std::bit_cast<float>((e + 127) << 23); };
  return p * power(half) * power(exponent - half);
}

float LogF(float x) {
  if (std::isnan(x) || x < 0) return std::numeric_limits<float>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<float>::infinity();
  if (std::isinf(x)) return x;
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m - 1) / (m + 1).
  int32_t bits = std::bit_cast<int32_t>(x);
  int32_t e = 0;
  if (bits < 0x00800000) {  // subnormal
    bits = std::bit_cast<int32_t>(x * 0x1p25f);
    e = -25;
  }
  e += (bits - 0x3f3504f3) >> 23;
  const float m = std::bit_cast<float>(bits - (((bits - 0x3f3504f3) >> 23) << 23));
  const float f = m - 1.0f;
  const float s = f / (2.0f + f), s2 = s * s;
  float p = 2.0f / 11;
  p = std::fma(p, s2, 2.0f / 9);
  p = std::fma(p, s2, 2.0f / 7);
  p = std::fma(p, s2, 2.0f / 5);
  p = std::fma(p, s2, 2.0f / 3);
  // 2 s = f - s f, which keeps the rounding of s out of the leading term.
  const float tail = std::fma(s * s2, p, std::fma(static_cast<float>(e), kLn2Low, -s * f));
  return std::fma(static_cast<float>(e), kLn2High, f + tail);
}

}  // namespace rlvr
