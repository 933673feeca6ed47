// ExpF in vector lanes. Included once per Highway target, inside HWY_BEFORE_NAMESPACE.
#if defined(RLVR_TENSOR_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RLVR_TENSOR_EXP_INL_H_
#undef RLVR_TENSOR_EXP_INL_H_
#else
#define RLVR_TENSOR_EXP_INL_H_
#endif
#include <hwy/highway.h>

#include <limits>

#include "tensor/exp_constants.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V>
HWY_INLINE V ExpTaylorV(D d, V r) {
  V p = hn::Set(d, kExpTaylor[7]);
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[6]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[5]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[4]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[3]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[2]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[1]));
  p = hn::MulAdd(p, r, hn::Set(d, kExpTaylor[0]));
  return p;
}

template <class D, class V>
HWY_INLINE V ExpV(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V clamped = hn::Min(hn::Max(x, hn::Set(d, kExpLow)), hn::Set(d, kExpHigh));
  const V t = hn::MulAdd(clamped, hn::Set(d, kLog2E), hn::Set(d, kRoundMagic));
  const V n = hn::Sub(t, hn::Set(d, kRoundMagic));
  V r = hn::NegMulAdd(n, hn::Set(d, kLn2High), clamped);
  r = hn::NegMulAdd(n, hn::Set(d, kLn2Low), r);
  const V p = ExpTaylorV(d, r);
  // 2^n in two halves, since 2^128 is no float.
  const auto exponent = hn::Sub(hn::BitCast(di, t), hn::Set(di, kRoundMagicBits));
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const V a = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V b = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(exponent, half), bias)));
  V y = hn::Mul(hn::Mul(p, a), b);
  y = hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, kExpLow)), y);
  y = hn::IfThenElse(hn::Gt(x, hn::Set(d, kExpHigh)),
                     hn::Set(d, std::numeric_limits<float>::infinity()), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// ExpV(x) bit for bit for x <= 88, which softmax's s - m is, and NaN: 2^n is one factor there, and NaN
// stays NaN by r.
template <class D, class V>
HWY_INLINE V ExpUpTo88V(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V low = hn::Set(d, kExpLow), magic = hn::Set(d, kRoundMagic);
  const V t = hn::MulAdd(hn::Max(x, low), hn::Set(d, kLog2E), magic);
  const V n = hn::Sub(t, magic);
  V r = hn::NegMulAdd(n, hn::Set(d, kLn2High), x);
  r = hn::NegMulAdd(n, hn::Set(d, kLn2Low), r);
  const auto biased = hn::Add(hn::BitCast(di, t), hn::Set(di, 127 - kRoundMagicBits));
  const V two_n = hn::BitCast(d, hn::ShiftLeft<23>(biased));
  return hn::IfThenZeroElse(hn::Lt(x, low), hn::Mul(ExpTaylorV(d, r), two_n));
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();
#endif
