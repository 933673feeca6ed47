// The bf16 tile by vdpbf16ps, and rounding to bf16. Only functions with the target attribute use
// it, so that nothing else in the binary needs this processor; called only if CPUID has it
// (isa.cc).
#include <immintrin.h>

#include <algorithm>

#include "tensor/gemm_kernels.h"

#define RLVR_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace rlvr {
namespace {

template <int kRows>
RLVR_BF16_TARGET __attribute__((noinline)) void OnePanel(int64_t k, const uint32_t* a,
                                                         int64_t a_row, int64_t a_k,
                                                         const uint32_t* b, float* c,
                                                         int64_t c_stride, int64_t cols, bool add,
                                                         int64_t ahead) {
  __m512 acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = _mm512_setzero_ps();
  for (int64_t i = 0; i < k; ++i) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + i * kPanel);
    const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + i * kPanel + 16);
    const uint32_t* ai = a + i * a_k;
    if (ahead != 0) {
      AskFor(b, 4 * (ahead + i * kPanel));
      AskFor(b, 4 * (ahead + i * kPanel + 16));
    }
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(static_cast<int>(ai[r * a_row]));
      acc0[r] = _mm512_dpbf16_ps(acc0[r], x, b0);
      acc1[r] = _mm512_dpbf16_ps(acc1[r], x, b1);
    }
  }
  if (cols >= kPanel) {
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      float* cr = c + r * c_stride;
      if (add) {
        acc0[r] = _mm512_add_ps(_mm512_loadu_ps(cr), acc0[r]);
        acc1[r] = _mm512_add_ps(_mm512_loadu_ps(cr + 16), acc1[r]);
      }
      _mm512_storeu_ps(cr, acc0[r]);
      _mm512_storeu_ps(cr + 16, acc1[r]);
    }
    return;
  }
  const __mmask16 m0 = cols >= 16 ? 0xffff : static_cast<__mmask16>((1u << cols) - 1);
  const __mmask16 m1 = cols >= 32   ? 0xffff
                       : cols <= 16 ? 0
                                    : static_cast<__mmask16>((1u << (cols - 16)) - 1);
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    float* cr = c + r * c_stride;
    if (add) {
      acc0[r] = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, cr), acc0[r]);
      acc1[r] = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, cr + 16), acc1[r]);
    }
    _mm512_mask_storeu_ps(cr, m0, acc0[r]);
    _mm512_mask_storeu_ps(cr + 16, m1, acc1[r]);
  }
}

template <int kRows>
RLVR_BF16_TARGET void Tile(int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                           const uint32_t* b, int64_t b_panel, float* c, int64_t c_stride,
                           int64_t cols, bool add, int64_t ahead) {
  for (; cols > 0; cols -= kPanel, b += b_panel, c += kPanel, ahead = 0)
    OnePanel<kRows>(k, a, a_row, a_k, b, c, c_stride, cols, add, ahead);
}

void TileBf16(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
              const uint32_t* b, int64_t b_panel, float* c, int64_t c_stride, int64_t cols,
              bool add, int64_t ahead) {
  switch (rows) {
#define RLVR_CASE(R) \
  case R:            \
    return Tile<R>(k, a, a_row, a_k, b, b_panel, c, c_stride, cols, add, ahead);
    // clang-format off
    RLVR_CASE(1) RLVR_CASE(2) RLVR_CASE(3) RLVR_CASE(4) RLVR_CASE(5) RLVR_CASE(6) RLVR_CASE(7)
    RLVR_CASE(8) RLVR_CASE(9) RLVR_CASE(10) RLVR_CASE(11) RLVR_CASE(12) RLVR_CASE(13) RLVR_CASE(14)
    // clang-format on
#undef RLVR_CASE
            default : break;
  }
}

// The conversion takes subnormal floats as zeros, but those that round up to the smallest normal
// bf16 must become it. Bit i: x[i] is such a one.
RLVR_BF16_TARGET __mmask16 RoundsUpToNormal(__m512 x) {
  if (_mm512_fpclass_ps_mask(x, 0x20) == 0) return 0;  // 0x20: subnormal
  const __m512i size = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
  return _mm512_cmplt_epu32_mask(_mm512_sub_epi32(size, _mm512_set1_epi32(0x007f8000)),
                                 _mm512_set1_epi32(0x8000));
}

// 32 rounded numbers, those of lo first.
RLVR_BF16_TARGET __m512i Round(__m512 lo, __m512 hi) {
  const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(hi, lo);
  const __mmask32 up = RoundsUpToNormal(lo) | static_cast<__mmask32>(RoundsUpToNormal(hi)) << 16;
  if (up == 0) return rounded;
  return _mm512_or_si512(rounded, _mm512_maskz_set1_epi16(up, 0x0080));
}

RLVR_BF16_TARGET __m512 LoadUpTo16(const float* x, int64_t n) {
  if (n >= 16) return _mm512_loadu_ps(x);
  return _mm512_maskz_loadu_ps(n <= 0 ? 0 : static_cast<__mmask16>((1u << n) - 1), x);
}

RLVR_BF16_TARGET void RoundRow(const float* x, int64_t n, uint32_t* units) {
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    _mm512_storeu_si512(units + i / 2, Round(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16)));
  }
  if (i < n) {
    const __m512i last = Round(LoadUpTo16(x + i, n - i), LoadUpTo16(x + i + 16, n - i - 16));
    const auto stored = static_cast<__mmask16>((1u << CeilDiv(n - i, 2)) - 1);
    _mm512_mask_storeu_epi32(units + i / 2, stored, last);
  }
}

RLVR_BF16_TARGET void SplitBf16(const float* lo, const float* hi, int64_t n, int64_t width,
                                int64_t group_stride, uint32_t* out) {
  alignas(64) uint16_t order[32];  // lo[0], hi[0], lo[1], ...
  for (int i = 0; i < 32; ++i) order[i] = static_cast<uint16_t>(i / 2 + i % 2 * 16);
  const __m512i interleave = _mm512_load_si512(order);
  for (int64_t begin = 0; begin < n; begin += width, out += group_stride) {
    const int64_t cols = std::min(width, n - begin);
    for (int64_t j = 0; j < cols; j += 16) {
      const int64_t i = begin + j;
      const __m512 l = LoadUpTo16(lo + i, n - i);
      const __m512 h = hi ? LoadUpTo16(hi + i, n - i) : _mm512_setzero_ps();
      _mm512_storeu_si512(out + j, _mm512_permutexvar_epi16(interleave, Round(l, h)));
    }
  }
}

}  // namespace

const GemmKernels& Avx512Bf16GemmKernels() {
  static const GemmKernels kernels = [] {
    GemmKernels k = Avx512GemmKernels();
    k.tile_bf16 = TileBf16;
    k.round_row = RoundRow;
    k.split_bf16 = SplitBf16;
    return k;
  }();
  return kernels;
}

}  // namespace rlvr
