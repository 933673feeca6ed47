#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/adamw.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/adamw.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Step(const AdamWScalars& s, int64_t n, const float* gradient, float* m, float* v, float* w) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto g = hn::Mul(hn::LoadU(d, gradient + i), hn::Set(d, s.scale));
    const auto mi =
        hn::MulAdd(hn::Set(d, s.beta1), hn::LoadU(d, m + i), hn::Mul(hn::Set(d, s.rest1), g));
    const auto vi = hn::MulAdd(hn::Set(d, s.beta2), hn::LoadU(d, v + i),
                               hn::Mul(hn::Mul(hn::Set(d, s.rest2), g), g));
    hn::StoreU(mi, d, m + i);
    hn::StoreU(vi, d, v + i);
    const auto update =
        hn::Div(hn::Mul(mi, hn::Set(d, s.correct1)),
                hn::Add(hn::Sqrt(hn::Mul(vi, hn::Set(d, s.correct2))), hn::Set(d, s.eps)));
    const auto wi = hn::LoadU(d, w + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, s.lr), hn::MulAdd(hn::Set(d, s.decay), wi, update), wi), d,
               w + i);
  }
  for (; i < n; ++i) {
    const float g = gradient[i] * s.scale;
    m[i] = std::fma(s.beta1, m[i], s.rest1 * g);
    v[i] = std::fma(s.beta2, v[i], s.rest2 * g * g);
    const float update = m[i] * s.correct1 / (std::sqrt(v[i] * s.correct2) + s.eps);
    w[i] = std::fma(-s.lr, std::fma(s.decay, w[i], update), w[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {

AdamWStep::AdamWStep(const AdamWOptions& o, int64_t step, float gradient_scale)
    : options_(o),
      step_(step),
      scalars_{static_cast<float>(o.beta1),
               static_cast<float>(1 - o.beta1),
               static_cast<float>(o.beta2),
               static_cast<float>(1 - o.beta2),
               static_cast<float>(1 / (1 - std::pow(o.beta1, static_cast<double>(step)))),
               static_cast<float>(1 / (1 - std::pow(o.beta2, static_cast<double>(step)))),
               static_cast<float>(o.lr),
               static_cast<float>(o.eps),
               static_cast<float>(o.weight_decay),
               gradient_scale} {
  RLVR_CHECK(step >= 1) << step;
}

void AdamWStep::operator()(std::span<const float> gradient, std::span<float> m, std::span<float> v,
                           std::span<float> weight) const {
  RLVR_CHECK(gradient.size() == weight.size() && m.size() == weight.size() &&
             v.size() == weight.size());
  if (ActiveIsa() == Isa::kScalar)
    return ref::AdamW(options_, step_, scalars_.scale, gradient, m, v, weight);
  RLVR_DISPATCH(Step)
  (scalars_, static_cast<int64_t>(weight.size()), gradient.data(), m.data(), v.data(),
   weight.data());
}

void AdamW(const AdamWOptions& o, int64_t step, float gradient_scale,
           std::span<const float> gradient, std::span<float> m, std::span<float> v,
           std::span<float> weight) {
  RLVR_CHECK(gradient.size() == weight.size() && m.size() == weight.size() &&
             v.size() == weight.size());
  const AdamWStep part(o, step, gradient_scale);
  ParallelFor(static_cast<int64_t>(weight.size()), 4096, [&](int64_t begin, int64_t end) {
    const auto from = static_cast<size_t>(begin), n = static_cast<size_t>(end - begin);
    part(gradient.subspan(from, n), m.subspan(from, n), v.subspan(from, n),
         weight.subspan(from, n));
  });
}

}  // namespace rlvr
#endif  // HWY_ONCE
