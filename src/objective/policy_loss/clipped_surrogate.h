// The clipped surrogate that the losses with a ratio share.
#ifndef RLVR_OBJECTIVE_POLICY_LOSS_CLIPPED_SURROGATE_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_CLIPPED_SURROGATE_H_
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
inline constexpr double kNoDualClip = kInfinity;

// min(r_t A_t, clip(r_t, low, high) A_t) with r_t = exp(logp_t - logp_old_t): PPO,
// arXiv:1707.06347, Eq. 7. Where A_t < 0 that falls without bound as r_t grows; dual clip,
// arXiv:1912.09729, Eq. 5, bounds it by c A_t there. The log-ratio itself is not clamped. Where a
// token_weight has given tokens their own bounds, those hold.
inline Field ClippedSurrogate(const TokenFields& f, double low, double high, double c) {
  const Field r = Exp(f.logp - f.logp_old);
  Field clipped = Clip(r, low, high);
  if (!f.low.empty() || !f.high.empty()) {
    const auto all = [&](double v) { return std::vector<double>(f.mask.size(), v); };
    clipped = Min(Max(r, f.Constant(f.low.empty() ? all(low) : f.low)),
                  f.Constant(f.high.empty() ? all(high) : f.high));
  }
  const Field J = Min(r * f.adv, clipped * f.adv);
  if (std::isinf(c)) return J;
  std::vector<char> negative;  // [T]
  for (const double a : f.adv.values()) negative.push_back(a < 0);
  return Where(negative, Max(J, c * f.adv), J);
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_CLIPPED_SURROGATE_H_
