#ifndef RLVR_OBJECTIVE_POLICY_LOSS_CISPO_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_CISPO_H_
#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// CISPO, arXiv:2506.13585 (MiniMax-M1), Sec. 3.1, Eq. 4 and 5: REINFORCE weighted by a clipped
// importance ratio. sg stops the gradient.
//   J_t = sg(clip(r_t, 1 - eps_low, 1 + eps_high)) A_t log pi(y_t)
// Differs from the clipped surrogate in what a bound does: it caps a token's weight, and never
// takes its gradient away. The paper sets no lower bound (eps_low = 1) and names no upper one; 5 is
// what TRL and ms-swift advise, after arXiv:2510.13786.
struct Cispo {
  static constexpr MethodInfo kInfo{"cispo", "2506.13585",
                                    "J_t = sg(clip(r_t, 1 - eps_low, 1 + eps_high)) A_t logp_t"};
  double eps_low = 1;
  double eps_high = 4;
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 1000.0);
  }
  double low() const { return 1 - eps_low; }
  double high() const { return 1 + eps_high; }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    return Clip(StopGradient(Exp(f.logp - f.logp_old)), low(), high()) * f.adv * f.logp;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_CISPO_H_
