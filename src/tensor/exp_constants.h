// exp(x) = 2^n exp(r), n = round(x / ln 2), r = x - n ln 2 in two parts; exp(r) by its Taylor
// polynomial of degree 7, whose error on |r| <= ln 2 / 2 is 5e-9.
#ifndef RLVR_TENSOR_EXP_CONSTANTS_H_
#define RLVR_TENSOR_EXP_CONSTANTS_H_
#include <cstdint>

namespace rlvr {
inline constexpr float kLog2E = 1.44269504088896341f;
inline constexpr float kLn2High = 0.693359375f;  // 9 bits: n * kLn2High is exact
inline constexpr float kLn2Low = -2.12194440054690583e-4f;
inline constexpr float kRoundMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
inline constexpr int32_t kRoundMagicBits = 0x4b400000;
inline constexpr float kExpLow = -87.0f, kExpHigh = 88.7f;
inline constexpr float kExpTaylor[8] = {1.0f,      1.0f,       1.0f / 2,   1.0f / 6,
                                        1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
}  // namespace rlvr
#endif  // RLVR_TENSOR_EXP_CONSTANTS_H_
