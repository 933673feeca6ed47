// The innermost loops of the matrix product, one set per instruction set. Internal to gemm*.cc.
#ifndef RLVR_TENSOR_GEMM_KERNELS_H_
#define RLVR_TENSOR_GEMM_KERNELS_H_
#include <cstdint>

#include "tensor/types.h"

namespace rlvr {

inline constexpr int64_t kPanel = 32;     // columns of a packed panel
inline constexpr int64_t kTileRows = 14;  // rows of a register tile

struct GemmKernels {
  // C [rows <= kTileRows, cols <= kPanel] = or += A B over `k` terms, one chain per element from 0.
  // a: element (r, i) at a[r * a_row + i * a_k]; b: a panel [k][kPanel].
  void (*tile_f32)(int64_t rows, int64_t k, const float* a, int64_t a_row, int64_t a_k,
                   const float* b, float* c, int64_t c_stride, int64_t cols, bool add);
  // The same in pairs: an element is two bf16 (first in the low half), k counts pairs.
  void (*tile_bf16)(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                    const uint32_t* b, float* c, int64_t c_stride, int64_t cols, bool add);
  void (*round_row)(const float* x, int64_t n, Bf16* y);  // to bf16
  // y[i] = the pair (lo[i], hi[i]); hi may be null for zeros.
  void (*interleave)(const float* lo, const float* hi, int64_t n, uint32_t* y);
};

const GemmKernels& Avx2GemmKernels();
const GemmKernels& Avx512GemmKernels();
const GemmKernels& Avx512Bf16GemmKernels();  // tile_f32 and the rest are Avx512's

}  // namespace rlvr
#endif  // RLVR_TENSOR_GEMM_KERNELS_H_
