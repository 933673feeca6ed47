// sums.h in vectors. Included once per Highway target, inside HWY_BEFORE_NAMESPACE.
#if defined(RLVR_TENSOR_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RLVR_TENSOR_SUMS_INL_H_
#undef RLVR_TENSOR_SUMS_INL_H_
#else
#define RLVR_TENSOR_SUMS_INL_H_
#endif
#include <hwy/highway.h>

#include "tensor/sums.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {

// TreeSum of chains [kChains], aligned.
HWY_INLINE float TreeSumV(const float* chains) {
#if HWY_TARGET == HWY_SCALAR
  return TreeSum(chains);
#else
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, 4> d;
  const auto low = hn::Add(hn::Load(d, chains), hn::Load(d, chains + 8));
  const auto high = hn::Add(hn::Load(d, chains + 4), hn::Load(d, chains + 12));
  const auto four = hn::Add(low, high);
  const auto two = hn::Add(four, hn::Shuffle1032(four));
  return hn::GetLane(hn::Add(two, hn::Shuffle2301(two)));
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();
#endif
