#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/rope.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <cmath>

#include "base/thread_pool.h"
#include "tensor/rope.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One row of heads; sign -1 turns back.
void RotateRow(const float* c, const float* s, float sign, int64_t half, int64_t num_heads,
               float* x) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vsign = hn::Set(d, sign);
  for (int64_t h = 0; h < num_heads; ++h) {
    float* a = x + h * 2 * half;
    float* b = a + half;
    int64_t i = 0;
    for (; i + lanes <= half; i += lanes) {
      const auto u = hn::LoadU(d, a + i), v = hn::LoadU(d, b + i);
      const auto vc = hn::LoadU(d, c + i), vs = hn::Mul(hn::LoadU(d, s + i), vsign);
      hn::StoreU(hn::NegMulAdd(v, vs, hn::Mul(u, vc)), d, a + i);
      hn::StoreU(hn::MulAdd(u, vs, hn::Mul(v, vc)), d, b + i);
    }
    for (; i < half; ++i) {
      const float u = a[i], v = b[i], si = s[i] * sign;
      a[i] = std::fma(-v, si, u * c[i]);
      b[i] = std::fma(u, si, v * c[i]);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {

std::vector<double> RopeFrequencies(int64_t head_dim, double theta) {
  RLVR_CHECK(head_dim > 0 && head_dim % 2 == 0) << head_dim;
  std::vector<double> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
  return frequencies;
}

RopeTable::RopeTable(std::span<const double> frequencies, int64_t max_positions, double factor)
    : head_dim_(2 * static_cast<int64_t>(frequencies.size())),
      cos_(max_positions * head_dim_ / 2),
      sin_(max_positions * head_dim_ / 2) {
  RLVR_CHECK(!frequencies.empty() && max_positions > 0) << max_positions;
  const int64_t half = head_dim_ / 2;
  ParallelFor(max_positions, 256, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(p) * frequencies[i];
        cos_[p * half + i] = static_cast<float>(factor * std::cos(angle));
        sin_[p * half + i] = static_cast<float>(factor * std::sin(angle));
      }
    }
  });
}

namespace {
void Rotate(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
            float sign, View<float> x) {
  RLVR_CHECK(x.cols == num_heads * table.head_dim() &&
             static_cast<int64_t>(positions.size()) == x.rows);
  ParallelFor(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      RLVR_CHECK(positions[t] >= 0 && positions[t] < table.max_positions()) << positions[t];
      RLVR_DISPATCH(RotateRow)
      (table.cos(positions[t]), table.sin(positions[t]), sign, table.head_dim() / 2, num_heads,
       x.row(t));
    }
  });
}
}  // namespace

void Rope(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
          View<float> x) {
  if (ActiveIsa() == Isa::kScalar) return ref::Rope(table, positions, num_heads, x);
  Rotate(table, positions, num_heads, 1.0f, x);
}

void RopeBackward(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
                  View<float> dx) {
  if (ActiveIsa() == Isa::kScalar) {
    const int64_t half = table.head_dim() / 2;
    for (int64_t t = 0; t < dx.rows; ++t) {
      const float *c = table.cos(positions[t]), *s = table.sin(positions[t]);
      for (int64_t i = 0; i < num_heads * half; ++i) {
        float* a = dx.row(t) + i / half * 2 * half + i % half;
        const float u = a[0], v = a[half];
        a[0] = std::fma(v, s[i % half], u * c[i % half]);
        a[half] = std::fma(-u, s[i % half], v * c[i % half]);
      }
    }
    return;
  }
  Rotate(table, positions, num_heads, -1.0f, dx);
}

}  // namespace rlvr
#endif  // HWY_ONCE
