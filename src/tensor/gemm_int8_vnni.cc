// The tile in 8 bits by vpdpbusd (AVX512-VNNI), which adds four products of an unsigned and a signed
// byte to an int32, exactly. Only functions with the target attribute use it; called only if CPUID
// has it (isa.cc).
#include <immintrin.h>

#include "tensor/gemm_int8_kernels.h"

#define RLVR_VNNI_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace rlvr {
namespace {

// With few rows a sum would wait for the one before it; integers may be summed in several.
template <int kRows>
constexpr int kChains = kRows <= 3 ? 4 : kRows <= 6 ? 2 : 1;

// Of the unmasked conversion g++ 12 says that it reads what nobody wrote.
RLVR_VNNI_TARGET inline __m512 ToFloat(__m512i sum) { return _mm512_maskz_cvtepi32_ps(0xffff, sum); }

template <int kRows>
RLVR_VNNI_TARGET void Tile(const Int8Tile& t) {
  constexpr int C = kChains<kRows>;
  __m512i acc0[C][kRows], acc1[C][kRows];
#pragma GCC unroll 4
  for (int j = 0; j < C; ++j) {
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) acc0[j][r] = acc1[j][r] = _mm512_setzero_si512();
  }
  const auto step = [&](int64_t i, int j) __attribute__((
                        always_inline, target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))) {
    const __m512i b0 = _mm512_loadu_si512(t.panel + i * kPanel);
    const __m512i b1 = _mm512_loadu_si512(t.panel + i * kPanel + 16);
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(t.a[r * t.a_row + i]));
      acc0[j][r] = _mm512_dpbusd_epi32(acc0[j][r], b0, x);
      acc1[j][r] = _mm512_dpbusd_epi32(acc1[j][r], b1, x);
    }
  };
  int64_t i = 0;
  for (; i + C <= t.units; i += C) {
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) step(i + j, j);
  }
  for (; i < t.units; ++i) step(i, 0);
  const __mmask16 m0 = t.cols >= 16 ? 0xffff : static_cast<__mmask16>((1u << t.cols) - 1);
  const __mmask16 m1 = t.cols >= 32   ? 0xffff
                       : t.cols <= 16 ? 0
                                      : static_cast<__mmask16>((1u << (t.cols - 16)) - 1);
  const __m512 s0 = _mm512_loadu_ps(t.col_scale), s1 = _mm512_loadu_ps(t.col_scale + 16);
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    __m512i sum0 = acc0[0][r], sum1 = acc1[0][r];
#pragma GCC unroll 4
    for (int j = 1; j < C; ++j) {
      sum0 = _mm512_add_epi32(sum0, acc0[j][r]);
      sum1 = _mm512_add_epi32(sum1, acc1[j][r]);
    }
    const __m512i offset = _mm512_set1_epi32(t.row[r].offset);
    const __m512 scale = _mm512_set1_ps(t.row[r].scale);
    __m512 y0 = _mm512_mul_ps(ToFloat(_mm512_sub_epi32(sum0, offset)), _mm512_mul_ps(scale, s0));
    __m512 y1 = _mm512_mul_ps(ToFloat(_mm512_sub_epi32(sum1, offset)), _mm512_mul_ps(scale, s1));
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
