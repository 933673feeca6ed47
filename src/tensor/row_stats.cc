#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/row_stats.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <cmath>

#include "tensor/elementwise.h"
#include "tensor/exp-inl.h"
#include "tensor/row_stats.h"
#include "tensor/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

RowStats Stats(const float* logits, int64_t n, float temperature) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float inverse = 1.0f / temperature;
  const auto vinverse = hn::Set(d, inverse);
  RowStats s;
  // The maximum is the same in any order; its lowest id is looked up after.
  s.max = logits[0] * inverse;
  int64_t i = 0;
  if (n >= lanes) {
    auto m = hn::Mul(hn::LoadU(d, logits), vinverse);
    for (i = lanes; i + lanes <= n; i += lanes)
      m = hn::Max(m, hn::Mul(hn::LoadU(d, logits + i), vinverse));
    s.max = hn::GetLane(hn::MaxOfLanes(d, m));
  }
  for (; i < n; ++i) s.max = logits[i] * inverse > s.max ? logits[i] * inverse : s.max;
  for (int64_t j = 0; j < n; ++j) {
    if (logits[j] * inverse == s.max) {
      s.argmax = static_cast<int32_t>(j);
      break;
    }
  }
  const auto vmax = hn::Set(d, s.max);
  HWY_ALIGN float sum[kChains] = {};
  HWY_ALIGN float weighted[kChains] = {};
  for (int64_t j = 0; j < kChains; j += lanes) {
    auto a = hn::Zero(d), b = hn::Zero(d);
    for (i = 0; i + kChains <= n; i += kChains) {
      const auto z = hn::Mul(hn::LoadU(d, logits + i + j), vinverse);
      const auto e = ExpUpTo88V(d, hn::Sub(z, vmax));
      a = hn::Add(a, e);
      b = hn::MulAdd(e, z, b);
    }
    hn::Store(a, d, sum + j);
    hn::Store(b, d, weighted + j);
  }
  for (i = n / kChains * kChains; i < n; ++i) {
    const float z = logits[i] * inverse, e = ExpF(z - s.max);
    sum[i % kChains] += e;
    weighted[i % kChains] = std::fma(e, z, weighted[i % kChains]);
  }
  s.sum = TreeSumV(sum);
  s.lse = s.max + LogF(s.sum);
  s.entropy = s.lse - TreeSumV(weighted) / s.sum;
  return s;
}

void Gradient(const float* logits, int64_t n, const RowStats& s, float temperature,
              const DenseGradient& g, float* out) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float inverse = 1.0f / temperature, inverse_sum = 1.0f / s.sum;
  const auto vinverse = hn::Set(d, inverse), vsum = hn::Set(d, inverse_sum);
  const auto vmax = hn::Set(d, s.max), vlse = hn::Set(d, s.lse);
  const auto slope = hn::Set(d, g.log_slope), constant = hn::Set(d, g.constant);
  const auto prob_log_slope = hn::Set(d, g.prob_log_slope);
  const auto prob_slope = hn::Set(d, g.prob_slope), uniform = hn::Set(d, g.uniform);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto z = hn::Mul(hn::LoadU(d, logits + i), vinverse);
    const auto p = hn::Mul(ExpUpTo88V(d, hn::Sub(z, vmax)), vsum);
    const auto a = hn::MulAdd(p, prob_slope, constant), b = hn::MulAdd(p, prob_log_slope, slope);
    const auto falls = hn::MulAdd(p, hn::MulAdd(b, hn::Sub(z, vlse), a), uniform);
    hn::StoreU(hn::Mul(falls, vinverse), d, out + i);
  }
  for (; i < n; ++i) {
    const float z = logits[i] * inverse;
    const float p = ExpF(z - s.max) * inverse_sum;
    const float a = std::fma(p, g.prob_slope, g.constant);
    const float b = std::fma(p, g.prob_log_slope, g.log_slope);
    out[i] = std::fma(p, std::fma(b, z - s.lse, a), g.uniform) * inverse;
  }
}

void Weights(const float* logits, int64_t n, float max, float temperature, float* out) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float inverse = 1.0f / temperature;
  const auto vinverse = hn::Set(d, inverse), vmax = hn::Set(d, max);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto z = hn::Mul(hn::LoadU(d, logits + i), vinverse);
    hn::StoreU(ExpUpTo88V(d, hn::Sub(z, vmax)), d, out + i);
  }
  for (; i < n; ++i) out[i] = ExpF(logits[i] * inverse - max);
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {

void DenseGradient::Add(const DenseGradient& other) {
  constant += other.constant;
  log_slope += other.log_slope;
  prob_slope += other.prob_slope;
  prob_log_slope += other.prob_log_slope;
  uniform += other.uniform;
}

RowStats ComputeRowStats(std::span<const float> logits, float temperature) {
  RLVR_CHECK(!logits.empty() && temperature > 0) << temperature;
  if (ActiveIsa() == Isa::kScalar) return ref::ComputeRowStats(logits, temperature);
  return RLVR_DISPATCH(Stats)(logits.data(), static_cast<int64_t>(logits.size()), temperature);
}

void RowGradient(std::span<const float> logits, const RowStats& stats, float temperature,
                 const DenseGradient& gradient, std::span<float> dlogits) {
  RLVR_CHECK(logits.size() == dlogits.size());
  if (ActiveIsa() == Isa::kScalar)
    return ref::RowGradient(logits, stats, temperature, gradient, dlogits);
  RLVR_DISPATCH(Gradient)
  (logits.data(), static_cast<int64_t>(logits.size()), stats, temperature, gradient,
   dlogits.data());
}

void RowWeights(std::span<const float> logits, const RowStats& stats, float temperature,
                std::span<float> weights) {
  RLVR_CHECK(logits.size() == weights.size());
  if (ActiveIsa() == Isa::kScalar) return ref::RowWeights(logits, stats, temperature, weights);
  RLVR_DISPATCH(Weights)
  (logits.data(), static_cast<int64_t>(logits.size()), stats.max, temperature, weights.data());
}

}  // namespace rlvr
#endif  // HWY_ONCE
