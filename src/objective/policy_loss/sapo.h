#ifndef RLVR_OBJECTIVE_POLICY_LOSS_SAPO_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_SAPO_H_
#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// Soft Adaptive Policy Optimization, arXiv:2511.20347: a smooth gate in place of the clip. The
// gradient is largest at r_t = 1, where it is REINFORCE's, and fades on both sides, faster where
// A_t < 0.
//   J_t = 4 / tau sigmoid(tau (r_t - 1)) A_t,  tau = tau_pos where A_t > 0, else tau_neg
struct Sapo {
  static constexpr MethodInfo kInfo{"sapo", "2511.20347",
                                    "J_t = 4 / tau sigmoid(tau (r_t - 1)) A_t, tau = tau_pos where "
                                    "A_t > 0, else tau_neg"};
  double tau_pos = 1;
  double tau_neg = 1.05;
  template <class Visitor>
  void Params(Visitor& p) {
    p("tau_pos", tau_pos, 1e-6, 1e6);
    p("tau_neg", tau_neg, 1e-6, 1e6);
  }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    std::vector<double> tau;  // [T]
    for (const double a : f.adv.values()) tau.push_back(a > 0 ? tau_pos : tau_neg);
    const Field t = f.Constant(std::move(tau));
    return f.Constant({4}) / t * Sigmoid(t * (Exp(f.logp - f.logp_old) - 1)) * f.adv;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_SAPO_H_
