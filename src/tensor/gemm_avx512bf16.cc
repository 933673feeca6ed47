// The bf16 tile by vdpbf16ps. Only functions with the target attribute use it, so that nothing else
// in the binary needs this processor; called only if CPUID has it (isa.cc).
#include <immintrin.h>

#include <algorithm>

#include "tensor/gemm_kernels.h"

#define RLVR_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace rlvr {
namespace {

template <int kRows>
RLVR_BF16_TARGET void Tile(int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                           const uint32_t* b, float* c, int64_t c_stride, int64_t cols, bool add) {
  __m512 acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = _mm512_setzero_ps();
  for (int64_t i = 0; i < k; ++i) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + i * kPanel);
    const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + i * kPanel + 16);
    const uint32_t* ai = a + i * a_k;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(static_cast<int>(ai[r * a_row]));
      acc0[r] = _mm512_dpbf16_ps(acc0[r], x, b0);
      acc1[r] = _mm512_dpbf16_ps(acc1[r], x, b1);
    }
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

void TileBf16(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
              const uint32_t* b, float* c, int64_t c_stride, int64_t cols, bool add) {
  switch (rows) {
#define RLVR_CASE(R) \
  case R:            \
    return Tile<R>(k, a, a_row, a_k, b, c, c_stride, cols, add);
    RLVR_CASE(1)
    RLVR_CASE(2)
    RLVR_CASE(3)
    RLVR_CASE(4)
    RLVR_CASE(5)
    RLVR_CASE(6)
    RLVR_CASE(7) RLVR_CASE(8) RLVR_CASE(9) RLVR_CASE(10) RLVR_CASE(11) RLVR_CASE(12) RLVR_CASE(13)
        RLVR_CASE(14)
#undef RLVR_CASE
            default : break;
  }
}

}  // namespace

const GemmKernels& Avx512Bf16GemmKernels() {
  static const GemmKernels kernels = [] {
    GemmKernels k = Avx512GemmKernels();
    k.tile_bf16 = TileBf16;
    return k;
  }();
  return kernels;
}

}  // namespace rlvr
