#ifndef RLVR_OBJECTIVE_POLICY_LOSS_REINFORCE_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_REINFORCE_H_
#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// The score-function estimator with no ratio and no clip: REINFORCE, Williams 1992; RLOO's loss,
// arXiv:2402.14740, Eq. 6 and 7.
//   J_t = A_t log pi(y_t)
// Its gradient is the clipped surrogate's on the first update after sampling (r_t = 1); later
// updates of the same batch are off-policy without a correction, so recipes make one update a
// rollout.
struct Reinforce {
  static constexpr MethodInfo kInfo{"reinforce", "2402.14740", "J_t = A_t logp_t"};
  template <class Visitor>
  void Params(Visitor&) {}
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    return f.adv * f.logp;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_REINFORCE_H_
