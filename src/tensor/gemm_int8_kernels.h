// The innermost loops of products in 8 bits. Internal to gemm_int8*.cc.
//
// A weight is packed in panels [unit of k][kPanel] as others are (gemm_kernels.h); a unit has four
// k's, each q + 128 in an unsigned byte, because the processor's product takes unsigned by signed
// bytes. What the 128 adds to a sum depends on the row of x alone: Int8Row::offset takes it off.
#ifndef RLVR_TENSOR_GEMM_INT8_KERNELS_H_
#define RLVR_TENSOR_GEMM_INT8_KERNELS_H_
#include <cstdint>

#include "tensor/gemm_kernels.h"

namespace rlvr {

struct Int8Row {
  float scale = 0;
  int32_t offset = 0;  // 128 * sum of the row's q
};

// y [rows <= kTileRows, cols <= kPanel] = or += the product of `rows` rows with one panel.
struct Int8Tile {
  int64_t rows = 0, units = 0;  // units of k
  const uint32_t* a = nullptr;  // unit (r, i) at a[r * a_row + i]: four signed bytes
  int64_t a_row = 0;
  const Int8Row* row = nullptr;      // [rows]
  const uint32_t* panel = nullptr;   // [units][kPanel]
  const float* col_scale = nullptr;  // [kPanel]
  float* y = nullptr;
  int64_t y_stride = 0, cols = 0;
  bool add = false;
  int64_t ahead = 0;  // as in gemm_kernels.h; VNNI's tile alone asks
};

struct Int8Kernels {
  void (*tile)(const Int8Tile& tile);
  // v [n] as (n + 3) / 4 units, the last one padded by zeros.
  Int8Row (*quantize)(const float* v, int64_t n, uint32_t* units);
};

const Int8Kernels& Avx2Int8Kernels();
const Int8Kernels& Avx512Int8Kernels();
const Int8Kernels& VnniInt8Kernels();    // the tile is its own
const Int8Kernels& ActiveInt8Kernels();  // Avx2's under Isa::kScalar

inline int64_t Int8Units(int64_t k) { return CeilDiv(k, 4); }

}  // namespace rlvr
#endif  // RLVR_TENSOR_GEMM_INT8_KERNELS_H_
