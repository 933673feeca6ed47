// The tiles of the matrix product through Highway, for AVX2 and AVX-512. The chains are gemm.h's:
// lanes are different outputs, so that the width of a vector changes no bit.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/gemm_hwy.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "tensor/gemm_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> kD;
const hn::RebindToUnsigned<decltype(kD)> kU;
using V = hn::Vec<decltype(kD)>;
using VU = hn::Vec<decltype(kU)>;

// Columns handled at once: two vectors. Rows: what the register file holds.
constexpr int kMaxRows = HWY_TARGET <= HWY_AVX3 ? 14 : 6;

HWY_INLINE void StoreTileRow(V acc, float* c, int64_t cols, bool add) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  if (cols >= lanes) {
    hn::StoreU(add ? hn::Add(hn::LoadU(kD, c), acc) : acc, kD, c);
  } else if (cols > 0) {
    HWY_ALIGN float v[16];
    hn::Store(acc, kD, v);
    for (int64_t i = 0; i < cols; ++i) c[i] = add ? c[i] + v[i] : v[i];
  }
}

template <int kRows>
HWY_INLINE void TileF32(int64_t k, const float* a, int64_t a_row, int64_t a_k, const float* b,
                        float* c, int64_t c_stride, int64_t cols, bool add) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  V acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = hn::Zero(kD);
  for (int64_t i = 0; i < k; ++i) {
    const V b0 = hn::LoadU(kD, b + i * kPanel), b1 = hn::LoadU(kD, b + i * kPanel + lanes);
    const float* ai = a + i * a_k;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(kD, ai[r * a_row]);
      acc0[r] = hn::MulAdd(x, b0, acc0[r]);
      acc1[r] = hn::MulAdd(x, b1, acc1[r]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    StoreTileRow(acc0[r], c + r * c_stride, cols, add);
    StoreTileRow(acc1[r], c + r * c_stride + lanes, cols - lanes, add);
  }
}

// bf16 subnormals read as zero, as vdpbf16ps does.
HWY_INLINE V FlushedFloat(VU bits) {
  const auto subnormal = hn::Eq(hn::And(bits, hn::Set(kU, 0x7f800000u)), hn::Zero(kU));
  return hn::BitCast(kD, hn::IfThenElse(subnormal, hn::And(bits, hn::Set(kU, 0x80000000u)), bits));
}

template <int kRows>
HWY_INLINE void TileBf16(int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                         const uint32_t* b, float* c, int64_t c_stride, int64_t cols, bool add) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const VU high = hn::Set(kU, 0xffff0000u);
  V acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = hn::Zero(kD);
  for (int64_t i = 0; i < k; ++i) {
    const VU b0 = hn::LoadU(kU, b + i * kPanel), b1 = hn::LoadU(kU, b + i * kPanel + lanes);
    const V b0_even = FlushedFloat(hn::ShiftLeft<16>(b0)), b0_odd = FlushedFloat(hn::And(b0, high));
    const V b1_even = FlushedFloat(hn::ShiftLeft<16>(b1)), b1_odd = FlushedFloat(hn::And(b1, high));
    const uint32_t* ai = a + i * a_k;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const VU x = hn::Set(kU, ai[r * a_row]);
      const V x_even = FlushedFloat(hn::ShiftLeft<16>(x)), x_odd = FlushedFloat(hn::And(x, high));
      acc0[r] = hn::MulAdd(x_even, b0_even, hn::MulAdd(x_odd, b0_odd, acc0[r]));
      acc1[r] = hn::MulAdd(x_even, b1_even, hn::MulAdd(x_odd, b1_odd, acc1[r]));
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    StoreTileRow(acc0[r], c + r * c_stride, cols, add);
    StoreTileRow(acc1[r], c + r * c_stride + lanes, cols - lanes, add);
  }
}

// Cuts a tile into what fits this target's registers.
template <class T, class Part>
HWY_INLINE void CutTile(int64_t rows, const T* a, int64_t a_row, const T* b, float* c,
                        int64_t c_stride, int64_t cols, Part part) {
  const auto width = 2 * static_cast<int64_t>(hn::Lanes(kD));
  for (int64_t n = 0; n < cols; n += width) {
    for (int64_t r = 0; r < rows; r += kMaxRows) {
      part(std::min<int64_t>(kMaxRows, rows - r), a + r * a_row, b + n, c + r * c_stride + n,
           std::min(width, cols - n));
    }
  }
}

#define RLVR_TILE_SWITCH(FN, R)                                                 \
  switch (R) {                                                                  \
    case 1:                                                                     \
      FN<1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 2:                                                                     \
      FN<2>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 3:                                                                     \
      FN<3>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 4:                                                                     \
      FN<4>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 5:                                                                     \
      FN<5>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 6:                                                                     \
      FN<6>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);                       \
      break;                                                                    \
    case 7:                                                                     \
      FN<7 <= kMaxRows ? 7 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);   \
      break;                                                                    \
    case 8:                                                                     \
      FN<8 <= kMaxRows ? 8 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);   \
      break;                                                                    \
    case 9:                                                                     \
      FN<9 <= kMaxRows ? 9 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add);   \
      break;                                                                    \
    case 10:                                                                    \
      FN<10 <= kMaxRows ? 10 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add); \
      break;                                                                    \
    case 11:                                                                    \
      FN<11 <= kMaxRows ? 11 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add); \
      break;                                                                    \
    case 12:                                                                    \
      FN<12 <= kMaxRows ? 12 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add); \
      break;                                                                    \
    case 13:                                                                    \
      FN<13 <= kMaxRows ? 13 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add); \
      break;                                                                    \
    default:                                                                    \
      FN<14 <= kMaxRows ? 14 : 1>(k, pa, a_row, a_k, pb, pc, c_stride, n, add); \
      break;                                                                    \
  }

void TileF32Any(int64_t rows, int64_t k, const float* a, int64_t a_row, int64_t a_k, const float* b,
                float* c, int64_t c_stride, int64_t cols, bool add) {
  CutTile(rows, a, a_row, b, c, c_stride, cols,
          [&](int64_t r, const float* pa, const float* pb, float* pc, int64_t n) {
            RLVR_TILE_SWITCH(TileF32, r)
          });
}

void TileBf16Any(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                 const uint32_t* b, float* c, int64_t c_stride, int64_t cols, bool add) {
  CutTile(rows, a, a_row, b, c, c_stride, cols,
          [&](int64_t r, const uint32_t* pa, const uint32_t* pb, float* pc, int64_t n) {
            RLVR_TILE_SWITCH(TileBf16, r)
          });
}

// ToBf16 (types.h) in lanes; the result stands in the low 16 bits.
HWY_INLINE VU RoundToBf16(V x) {
  const VU u = hn::BitCast(kU, x);
  const VU rounded = hn::ShiftRight<16>(
      hn::Add(u, hn::Add(hn::Set(kU, 0x7fffu), hn::And(hn::ShiftRight<16>(u), hn::Set(kU, 1u)))));
  const VU quiet = hn::Or(hn::ShiftRight<16>(u), hn::Set(kU, 0x40u));
  const auto nan = hn::RebindMask(kU, hn::IsNaN(x));
  return hn::IfThenElse(nan, quiet, rounded);
}

void RoundRow(const float* x, int64_t n, Bf16* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const hn::Rebind<uint16_t, decltype(kD)> du16;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::TruncateTo(du16, RoundToBf16(hn::LoadU(kD, x + i))), du16,
               reinterpret_cast<uint16_t*>(y + i));
  }
  for (; i < n; ++i) y[i] = ToBf16(x[i]);
}

void Interleave(const float* lo, const float* hi, int64_t n, uint32_t* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    VU v = RoundToBf16(hn::LoadU(kD, lo + i));
    if (hi) v = hn::Or(v, hn::ShiftLeft<16>(RoundToBf16(hn::LoadU(kD, hi + i))));
    hn::StoreU(v, kU, y + i);
  }
  for (; i < n; ++i) {
    y[i] = ToBf16(lo[i]).bits | (hi ? static_cast<uint32_t>(ToBf16(hi[i]).bits) << 16 : 0);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {
const GemmKernels& Avx2GemmKernels() {
  static const GemmKernels kernels = {N_AVX2::TileF32Any, N_AVX2::TileBf16Any, N_AVX2::RoundRow,
                                      N_AVX2::Interleave};
  return kernels;
}
const GemmKernels& Avx512GemmKernels() {
  static const GemmKernels kernels = {N_AVX3::TileF32Any, N_AVX3::TileBf16Any, N_AVX3::RoundRow,
                                      N_AVX3::Interleave};
  return kernels;
}
}  // namespace rlvr
#endif  // HWY_ONCE
