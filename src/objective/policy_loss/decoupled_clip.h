#ifndef RLVR_OBJECTIVE_POLICY_LOSS_DECOUPLED_CLIP_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_DECOUPLED_CLIP_H_
#include "objective/policy_loss/clipped_surrogate.h"

namespace rlvr {
// Clip-Higher: PPO's clip with separate bounds. DAPO, arXiv:2503.14476, Sec. 3.1, Eq. 8.
//   J_t = min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t),  r_t = exp(logp_t - logp_old_t)
// Differs from PPO's and GRPO's clip only in eps_high != eps_low.
struct DecoupledClip {
  static constexpr MethodInfo kInfo{"decoupled_clip", "2503.14476",
                                    "J_t = min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t)"};
  double eps_low = 0.2;               // floor of r_t; binds only where A_t < 0
  double eps_high = 0.28;             // ceiling of r_t; binds only where A_t > 0
  double clip_ratio_c = kNoDualClip;  // ceiling of r_t where A_t < 0
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
    p("clip_ratio_c", clip_ratio_c, 1.0, kNoDualClip);
  }
  double low() const { return 1 - eps_low; }
  double dual() const { return clip_ratio_c; }
  double high() const { return 1 + eps_high; }
  Field operator()(const TokenFields& f) const {
    return ClippedSurrogate(f, low(), high(), clip_ratio_c);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_DECOUPLED_CLIP_H_
