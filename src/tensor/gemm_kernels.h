// The innermost loops of the matrix product, one set per instruction set. Internal to gemm*.cc.
#ifndef RLVR_TENSOR_GEMM_KERNELS_H_
#define RLVR_TENSOR_GEMM_KERNELS_H_
#include <cstdint>

#include "tensor/types.h"
#include "tensor/view.h"

namespace rlvr {

inline constexpr int64_t kPanel = 32;     // columns of a packed panel
inline constexpr int64_t kTileRows = 14;  // rows of a register tile
// split_* may write this many elements past a group, as part of a whole vector.
inline constexpr int64_t kSplitSlack = 15;

// Operands are packed in units of k, 4 bytes each: an element (fp32), or two bf16 (the first in the
// low half), subnormals already zero.
struct GemmKernels {
  // C [rows <= kTileRows, cols] = or += A B over `k` units, one chain per element from 0.
  // a: unit (r, i) at a[r * a_row + i * a_k]; b: panels [k][kPanel], b_panel units from one to the
  // next. ahead: of the first panel, what lies so many units behind the ones that are read is asked
  // for, whether it is still the panel or not; 0: nothing is.
  void (*tile_f32)(int64_t rows, int64_t k, const float* a, int64_t a_row, int64_t a_k,
                   const float* b, int64_t b_panel, float* c, int64_t c_stride, int64_t cols,
                   bool add, int64_t ahead);
  void (*tile_bf16)(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                    const uint32_t* b, int64_t b_panel, float* c, int64_t c_stride, int64_t cols,
                    bool add, int64_t ahead);
  // x [n] as (n + 1) / 2 units of bf16; an odd end is padded by zero.
  void (*round_row)(const float* x, int64_t n, uint32_t* units);
  // x [n] cut into groups of `width` columns: column g * width + j goes to
  // out[g * group_stride + j].
  void (*split_f32)(const float* x, int64_t n, int64_t width, int64_t group_stride, uint32_t* out);
  // The same with units of bf16 (lo[i], hi[i]); hi may be null for zeros.
  void (*split_bf16)(const float* lo, const float* hi, int64_t n, int64_t width,
                     int64_t group_stride, uint32_t* out);
  // panel[i * kPanel + j] = x[j * stride + i], j < rows <= kPanel, i < cols.
  void (*transpose)(const uint32_t* x, int64_t stride, int64_t rows, int64_t cols, uint32_t* panel);
};

const GemmKernels& Avx2GemmKernels();
const GemmKernels& Avx512GemmKernels();
const GemmKernels& Avx512Bf16GemmKernels();  // tile, round, split of bf16 are its own
const GemmKernels& ActiveGemmKernels();      // Avx2's under Isa::kScalar

// A weight of so many bytes stands in every core's own cache. A larger one comes from memory or a
// cache that all share: what is so far ahead is asked for while the first tile that a panel meets, of
// so many rows, is multiplied. Fewer rows leave the processor room to look ahead by itself.
inline constexpr int64_t kOwnCacheBytes = 1 << 20, kAheadBytes = 8 << 10, kFewestAhead = 5;
inline int64_t UnitsAhead(int64_t weight_bytes, bool first, int64_t tile_rows) {
  return first && tile_rows >= kFewestAhead && weight_bytes > kOwnCacheBytes ? kAheadBytes / 4 : 0;
}

// To the first-level cache. What lies past a buffer's end may be asked for.
inline void AskFor(const void* base, int64_t bytes) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(base) +
                                                   static_cast<uintptr_t>(bytes)));
}

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline int64_t KUnits(ComputeType type, int64_t k) {
  return type == ComputeType::kFp32 ? k : CeilDiv(k, 2);
}

// Rows per tile so that `rows` fall into equal tiles: a low tile has too few chains to hide the
// latency of a multiply-add.
inline int64_t TileHeight(int64_t rows) { return CeilDiv(rows, CeilDiv(rows, kTileRows)); }

// A per-thread buffer that is reused from call to call.
inline uint32_t* Scratch(AlignedBuffer<uint32_t>& buffer, int64_t n) {
  if (buffer.size() < n) buffer.Resize(n);
  return buffer.data();
}

}  // namespace rlvr
#endif  // RLVR_TENSOR_GEMM_KERNELS_H_
