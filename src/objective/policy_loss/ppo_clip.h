#ifndef RLVR_OBJECTIVE_POLICY_LOSS_PPO_CLIP_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_PPO_CLIP_H_
#include "objective/policy_loss/clipped_surrogate.h"

namespace rlvr {
// PPO's clipped surrogate, arXiv:1707.06347, Eq. 7, as GRPO uses it (arXiv:2402.03300, Eq. 3).
//   J_t = min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t),  r_t = exp(logp_t - logp_old_t)
struct PpoClip {
  static constexpr MethodInfo kInfo{"ppo_clip", "1707.06347",
                                    "J_t = min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t)"};
  double eps = 0.2;
  double clip_ratio_c = kNoDualClip;  // ceiling of r_t where A_t < 0
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps", eps, 0.0, 1.0);
    p("clip_ratio_c", clip_ratio_c, 1.0, kNoDualClip);
  }
  double low() const { return 1 - eps; }
  double dual() const { return clip_ratio_c; }
  double high() const { return 1 + eps; }
  Field operator()(const TokenFields& f) const {
    return ClippedSurrogate(f, low(), high(), clip_ratio_c);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_PPO_CLIP_H_
