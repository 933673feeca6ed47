// The tile in 8 bits by vpdpbusd (AVX512-VNNI), which adds four products of an unsigned and a signed
// byte to an int32, exactly. Only functions with the target attribute use it; called only if CPUID
// has it (isa.cc).
#include <immintrin.h>

#include "tensor/gemm_int8_kernels.h"

#define RLVR_VNNI_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace rlvr {
namespace {

// g++ 12 keeps an array of these in registers, and one of __m512i in memory.
using Sum = __v16si;
RLVR_VNNI_TARGET inline Sum Dot(Sum sum, __m512i w, __m512i x) {
  return (Sum)_mm512_dpbusd_epi32((__m512i)sum, w, x);
}
// Of the unmasked conversion it says that it reads what nobody wrote.
RLVR_VNNI_TARGET inline __m512 ToFloat(Sum sum) {
  return _mm512_maskz_cvtepi32_ps(0xffff, (__m512i)sum);
}

template <int kRows>
RLVR_VNNI_TARGET void Tile(const Int8Tile& t) {
  // With few rows a sum would wait for the one before it: every other unit has sums of its own.
  constexpr bool kTwo = kRows <= 6;
  constexpr int kMore = kTwo ? kRows : 1;
  Sum acc0[kRows], acc1[kRows], more0[kMore], more1[kMore];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = Sum{};
#pragma GCC unroll 14
  for (int r = 0; r < kMore; ++r) more0[r] = more1[r] = Sum{};
  const uint32_t *a = t.a, *b = t.panel;
  const int64_t a_row = t.a_row;
  int64_t left = t.units;
  const int64_t ahead = 4 * t.ahead;
  for (; kTwo && left >= 2; left -= 2) {
    for (int line = 0; line < 256 && ahead != 0; line += 64) AskFor(b, ahead + line);
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
#pragma GCC unroll 14
    for (int r = 0; r < kMore; ++r) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[r * a_row]));
      acc0[r] = Dot(acc0[r], b0, x);
      acc1[r] = Dot(acc1[r], b1, x);
    }
    const __m512i b2 = _mm512_loadu_si512(b + 32), b3 = _mm512_loadu_si512(b + 48);
#pragma GCC unroll 14
    for (int r = 0; r < kMore; ++r) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[r * a_row + 1]));
      more0[r] = Dot(more0[r], b2, x);
      more1[r] = Dot(more1[r], b3, x);
    }
    a += 2;
    b += 2 * kPanel;
  }
  for (; left > 0; --left, ++a, b += kPanel) {
    for (int line = 0; line < 128 && ahead != 0; line += 64) AskFor(b, ahead + line);
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[r * a_row]));
      acc0[r] = Dot(acc0[r], b0, x);
      acc1[r] = Dot(acc1[r], b1, x);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kMore; ++r) {
    acc0[r] += more0[r];
    acc1[r] += more1[r];
  }
  const __mmask16 m0 = t.cols >= 16 ? 0xffff : static_cast<__mmask16>((1u << t.cols) - 1);
  const __mmask16 m1 = t.cols >= 32   ? 0xffff
                       : t.cols <= 16 ? 0
                                      : static_cast<__mmask16>((1u << (t.cols - 16)) - 1);
  const __m512 s0 = _mm512_loadu_ps(t.col_scale), s1 = _mm512_loadu_ps(t.col_scale + 16);
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    const __m512 scale = _mm512_set1_ps(t.row[r].scale);
    __m512 y0 = _mm512_mul_ps(ToFloat(acc0[r] - t.row[r].offset), _mm512_mul_ps(scale, s0));
    __m512 y1 = _mm512_mul_ps(ToFloat(acc1[r] - t.row[r].offset), _mm512_mul_ps(scale, s1));
    float* y = t.y + r * t.y_stride;
    if (t.add) {
      y0 = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, y), y0);
      y1 = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, y + 16), y1);
    }
    _mm512_mask_storeu_ps(y, m0, y0);
    _mm512_mask_storeu_ps(y + 16, m1, y1);
  }
}

void TileAny(const Int8Tile& t) {
  switch (t.rows) {
#define RLVR_CASE(R) \
  case R:            \
    return Tile<R>(t);
    // clang-format off
    RLVR_CASE(1) RLVR_CASE(2) RLVR_CASE(3) RLVR_CASE(4) RLVR_CASE(5) RLVR_CASE(6) RLVR_CASE(7)
    RLVR_CASE(8) RLVR_CASE(9) RLVR_CASE(10) RLVR_CASE(11) RLVR_CASE(12) RLVR_CASE(13) RLVR_CASE(14)
    // clang-format on
#undef RLVR_CASE
            default : break;
  }
}

}  // namespace

const Int8Kernels& VnniInt8Kernels() {
  static const Int8Kernels kernels = {TileAny, Avx512Int8Kernels().quantize};
  return kernels;
}

}  // namespace rlvr
