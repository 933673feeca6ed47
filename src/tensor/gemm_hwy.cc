// The tiles of the matrix product through Highway, for AVX2 and AVX-512. The chains are gemm.h's:
// lanes are different outputs, so that the width of a vector changes no bit.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/gemm_hwy.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "tensor/gemm_kernels.h"

// Highway compiles its baseline too, which is never called.
#if HWY_TARGET <= HWY_AVX2
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
constexpr int kMaxRowsBf16 = HWY_TARGET <= HWY_AVX3 ? 14 : 4;  // even and odd halves need room too

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

// The lines of unit i that a part of a panel reads, `ahead` units later.
HWY_INLINE void AskForUnit(const void* b, int64_t ahead, int64_t i) {
  if (ahead == 0) return;
  AskFor(b, 4 * (ahead + i * kPanel));
  if (hn::Lanes(kD) > 8) AskFor(b, 4 * (ahead + i * kPanel + 16));
}

template <int kRows>
HWY_NOINLINE void OnePanelF32(int64_t k, const float* a, int64_t a_row, int64_t a_k, const float* b,
                              float* c, int64_t c_stride, int64_t cols, bool add, int64_t ahead) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  V acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = hn::Zero(kD);
  for (int64_t i = 0; i < k; ++i) {
    const V b0 = hn::LoadU(kD, b + i * kPanel), b1 = hn::LoadU(kD, b + i * kPanel + lanes);
    AskForUnit(b, ahead, i);
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

template <int kRows>
HWY_INLINE void TileF32(int64_t k, const float* a, int64_t a_row, int64_t a_k, const float* b,
                        int64_t b_panel, float* c, int64_t c_stride, int64_t cols, bool add,
                        int64_t ahead) {
  for (; cols > 0; cols -= kPanel, b += b_panel, c += kPanel, ahead = 0)
    OnePanelF32<kRows>(k, a, a_row, a_k, b, c, c_stride, cols, add, ahead);
}

HWY_INLINE V Float(VU bits) { return hn::BitCast(kD, bits); }

template <int kRows>
HWY_NOINLINE void OnePanelBf16(int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                               const uint32_t* b, float* c, int64_t c_stride, int64_t cols,
                               bool add, int64_t ahead) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const VU high = hn::Set(kU, 0xffff0000u);
  V acc0[kRows], acc1[kRows];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = hn::Zero(kD);
  for (int64_t i = 0; i < k; ++i) {
    const VU b0 = hn::LoadU(kU, b + i * kPanel), b1 = hn::LoadU(kU, b + i * kPanel + lanes);
    AskForUnit(b, ahead, i);
    const V b0_even = Float(hn::ShiftLeft<16>(b0)), b0_odd = Float(hn::And(b0, high));
    const V b1_even = Float(hn::ShiftLeft<16>(b1)), b1_odd = Float(hn::And(b1, high));
    const uint32_t* ai = a + i * a_k;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const VU x = hn::Set(kU, ai[r * a_row]);
      const V x_even = Float(hn::ShiftLeft<16>(x)), x_odd = Float(hn::And(x, high));
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

template <int kRows>
HWY_INLINE void TileBf16(int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                         const uint32_t* b, int64_t b_panel, float* c, int64_t c_stride,
                         int64_t cols, bool add, int64_t ahead) {
  for (; cols > 0; cols -= kPanel, b += b_panel, c += kPanel, ahead = 0)
    OnePanelBf16<kRows>(k, a, a_row, a_k, b, c, c_stride, cols, add, ahead);
}

// Cuts a tile into what fits this target's registers, and its columns into panels or parts of them.
template <int kMax, class T, class Part>
HWY_INLINE void CutTile(int64_t rows, const T* a, int64_t a_row, const T* b, int64_t b_panel,
                        float* c, int64_t c_stride, int64_t cols, int64_t ahead, Part part) {
  const auto width = 2 * static_cast<int64_t>(hn::Lanes(kD));
  if (rows <= kMax && width == kPanel) return part(rows, a, b, b_panel, c, cols, ahead);
  const int64_t height = CeilDiv(rows, CeilDiv(rows, kMax));
  for (int64_t n = 0; n < cols; n += width) {
    for (int64_t r = 0; r < rows; r += height) {
      part(std::min(height, rows - r), a + r * a_row, b + n / kPanel * b_panel + n % kPanel,
           int64_t{0}, c + r * c_stride + n, std::min(width, cols - n), r == 0 ? ahead : 0);
    }
  }
}

#define RLVR_CASE(FN, R) \
  case R:                \
    return FN<(R <= kMaxRows ? R : 1)>(k, pa, a_row, a_k, pb, pb_panel, pc, c_stride, n, add, far);
#define RLVR_TILE_SWITCH(FN) \
  switch (r) {               \
    RLVR_CASE(FN, 1)         \
    RLVR_CASE(FN, 2)         \
    RLVR_CASE(FN, 3)         \
    RLVR_CASE(FN, 4)         \
    RLVR_CASE(FN, 5)         \
    RLVR_CASE(FN, 6)         \
    RLVR_CASE(FN, 7)         \
    RLVR_CASE(FN, 8)         \
    RLVR_CASE(FN, 9)         \
    RLVR_CASE(FN, 10)        \
    RLVR_CASE(FN, 11)        \
    RLVR_CASE(FN, 12)        \
    RLVR_CASE(FN, 13)        \
    RLVR_CASE(FN, 14)        \
    default:                 \
      break;                 \
  }

void TileF32Any(int64_t rows, int64_t k, const float* a, int64_t a_row, int64_t a_k, const float* b,
                int64_t b_panel, float* c, int64_t c_stride, int64_t cols, bool add,
                int64_t ahead) {
  CutTile<kMaxRows>(rows, a, a_row, b, b_panel, c, c_stride, cols, ahead,
                    [&](int64_t r, const float* pa, const float* pb, int64_t pb_panel, float* pc,
                        int64_t n, int64_t far) { RLVR_TILE_SWITCH(TileF32) });
}

void TileBf16Any(int64_t rows, int64_t k, const uint32_t* a, int64_t a_row, int64_t a_k,
                 const uint32_t* b, int64_t b_panel, float* c, int64_t c_stride, int64_t cols,
                 bool add, int64_t ahead) {
  CutTile<kMaxRowsBf16>(rows, a, a_row, b, b_panel, c, c_stride, cols, ahead,
                        [&](int64_t r, const uint32_t* pa, const uint32_t* pb, int64_t pb_panel,
                            float* pc, int64_t n, int64_t far) { RLVR_TILE_SWITCH(TileBf16) });
}

// ToBf16 (types.h) in lanes, subnormals as zero; the result stands in the low 16 bits.
HWY_INLINE VU RoundToBf16(V x) {
  const VU u = hn::BitCast(kU, x);
  const VU rounded = hn::ShiftRight<16>(
      hn::Add(u, hn::Add(hn::Set(kU, 0x7fffu), hn::And(hn::ShiftRight<16>(u), hn::Set(kU, 1u)))));
  const VU quiet = hn::Or(hn::ShiftRight<16>(u), hn::Set(kU, 0x40u));
  const VU number = hn::IfThenElse(hn::RebindMask(kU, hn::IsNaN(x)), quiet, rounded);
  const auto tiny = hn::Eq(hn::And(number, hn::Set(kU, 0x7f80u)), hn::Zero(kU));
  return hn::IfThenElse(tiny, hn::And(number, hn::Set(kU, 0x8000u)), number);
}

uint32_t RoundToBf16(float x) {
  const uint32_t bits = ToBf16(x).bits;
  return (bits & 0x7f80u) == 0 ? bits & 0x8000u : bits;
}

void RoundRow(const float* x, int64_t n, uint32_t* units) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const hn::Rebind<uint16_t, decltype(kD)> du16;
  auto* halves = reinterpret_cast<uint16_t*>(units);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::TruncateTo(du16, RoundToBf16(hn::LoadU(kD, x + i))), du16, halves + i);
  }
  for (; i < n; i += 2) {
    units[i / 2] = RoundToBf16(x[i]) | (i + 1 < n ? RoundToBf16(x[i + 1]) << 16 : 0);
  }
}

// load(i, m) gives a vector from column i, of which m columns exist.
template <class Load>
HWY_INLINE void Split(int64_t n, int64_t width, int64_t group_stride, uint32_t* out, Load load) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  for (int64_t begin = 0; begin < n; begin += width, out += group_stride) {
    const int64_t cols = std::min(width, n - begin);
    for (int64_t j = 0; j < cols; j += lanes) {
      hn::StoreU(load(begin + j, n - begin - j), kU, out + j);
    }
  }
}

HWY_INLINE V LoadUpTo(const float* x, int64_t n) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  return n >= lanes ? hn::LoadU(kD, x)
                    : hn::MaskedLoad(hn::FirstN(kD, static_cast<size_t>(n)), kD, x);
}

void SplitF32(const float* x, int64_t n, int64_t width, int64_t group_stride, uint32_t* out) {
  Split(n, width, group_stride, out,
        [=](int64_t i, int64_t m) HWY_ATTR { return hn::BitCast(kU, LoadUpTo(x + i, m)); });
}

void SplitBf16(const float* lo, const float* hi, int64_t n, int64_t width, int64_t group_stride,
               uint32_t* out) {
  if (!hi) {
    Split(n, width, group_stride, out,
          [=](int64_t i, int64_t m) HWY_ATTR { return RoundToBf16(LoadUpTo(lo + i, m)); });
  } else {
    Split(n, width, group_stride, out, [=](int64_t i, int64_t m) HWY_ATTR {
      return hn::Or(RoundToBf16(LoadUpTo(lo + i, m)),
                    hn::ShiftLeft<16>(RoundToBf16(LoadUpTo(hi + i, m))));
    });
  }
}

// Squares of 4 x 4, within the 128 bits that every target's shuffles work on.
void Transpose(const uint32_t* x, int64_t stride, int64_t rows, int64_t cols, uint32_t* panel) {
  const hn::FixedTag<uint32_t, 4> d4;
  const hn::FixedTag<uint64_t, 2> d2;
  const auto pairs = [=](auto v) HWY_ATTR { return hn::BitCast(d2, v); };
  const auto store = [=](auto v, int64_t i, int64_t j)
                         HWY_ATTR { hn::StoreU(hn::BitCast(d4, v), d4, panel + i * kPanel + j); };
  const int64_t whole_rows = rows / 4 * 4, whole_cols = cols / 4 * 4;
  for (int64_t i = 0; i < whole_cols; i += 4) {
    for (int64_t j = 0; j < whole_rows; j += 4) {
      const uint32_t* from = x + j * stride + i;
      const auto r0 = hn::LoadU(d4, from), r1 = hn::LoadU(d4, from + stride);
      const auto r2 = hn::LoadU(d4, from + 2 * stride), r3 = hn::LoadU(d4, from + 3 * stride);
      const auto low01 = pairs(hn::InterleaveLower(d4, r0, r1));
      const auto low23 = pairs(hn::InterleaveLower(d4, r2, r3));
      const auto high01 = pairs(hn::InterleaveUpper(d4, r0, r1));
      const auto high23 = pairs(hn::InterleaveUpper(d4, r2, r3));
      store(hn::InterleaveLower(d2, low01, low23), i, j);
      store(hn::InterleaveUpper(d2, low01, low23), i + 1, j);
      store(hn::InterleaveLower(d2, high01, high23), i + 2, j);
      store(hn::InterleaveUpper(d2, high01, high23), i + 3, j);
    }
  }
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t i = j < whole_rows ? whole_cols : 0; i < cols; ++i) {
      panel[i * kPanel + j] = x[j * stride + i];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET

#if HWY_ONCE
namespace rlvr {
const GemmKernels& Avx2GemmKernels() {
  static const GemmKernels kernels = {N_AVX2::TileF32Any, N_AVX2::TileBf16Any, N_AVX2::RoundRow,
                                      N_AVX2::SplitF32,   N_AVX2::SplitBf16,   N_AVX2::Transpose};
  return kernels;
}
const GemmKernels& Avx512GemmKernels() {
  static const GemmKernels kernels = {N_AVX3::TileF32Any, N_AVX3::TileBf16Any, N_AVX3::RoundRow,
                                      N_AVX3::SplitF32,   N_AVX3::SplitBf16,   N_AVX3::Transpose};
  return kernels;
}
}  // namespace rlvr
#endif  // HWY_ONCE
