// Products in 8 bits through Highway, for AVX2 and for AVX-512 without VNNI: bytes widened to 16 bits,
// whose products and sums of two are exact in 32.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/gemm_int8_hwy.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/gemm_int8.h"
#include "tensor/gemm_int8_kernels.h"

// Highway compiles its baseline too, which is never called.
#if HWY_TARGET <= HWY_AVX2
HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> kF;
const hn::RebindToSigned<decltype(kF)> kI;
const hn::RebindToUnsigned<decltype(kF)> kU;
const hn::Repartition<int16_t, decltype(kF)> kI16;
const hn::Repartition<uint16_t, decltype(kF)> kU16;
using VF = hn::Vec<decltype(kF)>;
using VI = hn::Vec<decltype(kI)>;
using V16 = hn::Vec<decltype(kI16)>;

constexpr int kMaxRows = HWY_TARGET <= HWY_AVX3 ? 12 : 4;  // what the register file holds

// Bytes 0 and 2, or 1 and 3, of every unit: unsigned ones of a weight, signed ones of a row.
struct Halves {
  V16 even, odd;
};
HWY_INLINE Halves Unsigned(const uint32_t* units) {
  const auto v = hn::BitCast(kU16, hn::LoadU(kU, units));
  return {hn::BitCast(kI16, hn::And(v, hn::Set(kU16, 0xff))),
          hn::BitCast(kI16, hn::ShiftRight<8>(v))};
}
HWY_INLINE Halves Signed(uint32_t unit) {
  const V16 v = hn::BitCast(kI16, hn::Set(kU, unit));
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(v)), hn::ShiftRight<8>(v)};
}
// On x86 the sum of the two products of a 32-bit lane is added to that lane (vpmaddwd).
HWY_INLINE VI MulAdd(const Halves& x, const Halves& w, VI sum) {
  VI none = hn::Zero(kI);
  sum = hn::ReorderWidenMulAccumulate(kI, x.even, w.even, sum, none);
  return hn::ReorderWidenMulAccumulate(kI, x.odd, w.odd, sum, none);
}

HWY_INLINE void StoreRow(VI sum, const Int8Row& row, const float* col_scale, float* y, int64_t cols,
                         bool add) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kF));
  if (cols <= 0) return;
  const VF scale = hn::Mul(hn::Set(kF, row.scale), hn::LoadU(kF, col_scale));
  const VF v = hn::Mul(hn::ConvertTo(kF, hn::Sub(sum, hn::Set(kI, row.offset))), scale);
  if (cols >= lanes) {
    hn::StoreU(add ? hn::Add(hn::LoadU(kF, y), v) : v, kF, y);
    return;
  }
  HWY_ALIGN float part[16];
  hn::Store(v, kF, part);
  for (int64_t i = 0; i < cols; ++i) y[i] = add ? y[i] + part[i] : part[i];
}

// Rows [from, from + kRows) with columns [n, n + two vectors) of the panel.
template <int kRows>
HWY_INLINE void Tile(const Int8Tile& t, int64_t from, int64_t n) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kF));
  VI acc0[kRows], acc1[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) acc0[r] = acc1[r] = hn::Zero(kI);
  const uint32_t* a = t.a + from * t.a_row;
  for (int64_t i = 0; i < t.units; ++i) {
    const uint32_t* b = t.panel + i * kPanel + n;
    const Halves b0 = Unsigned(b), b1 = Unsigned(b + lanes);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Halves x = Signed(a[r * t.a_row + i]);
      acc0[r] = MulAdd(x, b0, acc0[r]);
      acc1[r] = MulAdd(x, b1, acc1[r]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    float* y = t.y + (from + r) * t.y_stride + n;
    const Int8Row& row = t.row[from + r];
    StoreRow(acc0[r], row, t.col_scale + n, y, t.cols - n, t.add);
    StoreRow(acc1[r], row, t.col_scale + n + lanes, y + lanes, t.cols - n - lanes, t.add);
  }
}

void TileAny(const Int8Tile& t) {
  const auto width = 2 * static_cast<int64_t>(hn::Lanes(kF));
  for (int64_t n = 0; n < t.cols; n += width) {
    int64_t r = 0;
    for (; r + kMaxRows <= t.rows; r += kMaxRows) Tile<kMaxRows>(t, r, n);
    for (; r + 2 <= t.rows; r += 2) Tile<2>(t, r, n);
    if (r < t.rows) Tile<1>(t, r, n);
  }
}

Int8Row Quantize(const float* v, int64_t n, uint32_t* units) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kF));
  auto* q = reinterpret_cast<int8_t*>(units);
  // As integers, sizes of floats stand in the same order, infinities and NaN last.
  const auto size_bits = hn::Set(kU, 0x7fffffffu);
  auto largest = hn::Zero(kU);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    largest = hn::Max(largest, hn::And(hn::BitCast(kU, hn::LoadU(kF, v + i)), size_bits));
  uint32_t bits = hn::GetLane(hn::MaxOfLanes(kU, largest));
  for (; i < n; ++i) bits = std::max(bits, std::bit_cast<uint32_t>(v[i]) & 0x7fffffffu);
  const float a = std::bit_cast<float>(bits);
  const bool finite = bits < 0x7f800000u;
  if (!finite || a < kInt8Smallest) {
    std::memset(q, 0, static_cast<size_t>(Int8Units(n)) * 4);
    return {finite ? 0 : std::numeric_limits<float>::quiet_NaN(), 0};
  }
  const float inverse = 127.0f / a;
  const hn::Rebind<int8_t, decltype(kF)> bytes;
  auto sums = hn::Zero(kI);
  for (i = 0; i + lanes <= n; i += lanes) {
    const VI x = hn::NearestInt(hn::Mul(hn::LoadU(kF, v + i), hn::Set(kF, inverse)));
    sums = hn::Add(sums, x);
    hn::StoreU(hn::DemoteTo(bytes, x), bytes, q + i);
  }
  int32_t sum = hn::GetLane(hn::SumOfLanes(kI, sums));
  for (; i < n; ++i) sum += q[i] = static_cast<int8_t>(std::nearbyint(v[i] * inverse));
  for (; i < 4 * Int8Units(n); ++i) q[i] = 0;
  return {a / 127.0f, 128 * sum};
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET

#if HWY_ONCE
namespace rlvr {
const Int8Kernels& Avx2Int8Kernels() {
  static const Int8Kernels kernels = {N_AVX2::TileAny, N_AVX2::Quantize};
  return kernels;
}
const Int8Kernels& Avx512Int8Kernels() {
  static const Int8Kernels kernels = {N_AVX3::TileAny, N_AVX3::Quantize};
  return kernels;
}
}  // namespace rlvr
#endif  // HWY_ONCE
