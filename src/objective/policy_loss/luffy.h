#ifndef RLVR_OBJECTIVE_POLICY_LOSS_LUFFY_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_LUFFY_H_
#include "objective/policy_loss/clipped_surrogate.h"
#include "objective/policy_loss/foreign.h"

namespace rlvr {
// LUFFY, arXiv:2504.14945, Eq. 6 to 8: GRPO with an expert's traces in the group, whose probability
// is shaped so that tokens the policy finds unlikely keep a gradient.
//   foreign rows:  J_t = f(p_t) A_t,  f(p) = p / (p + gamma),  p_t = exp(logp_t)
//   sampled rows:  J_t = min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t)
// The behaviour policy of a foreign row counts as 1, as in the paper, so its logp_old is not read.
// The paper's text clips sampled rows; the released script does not: the defaults bind nowhere. The
// script divides by the fixed response length: aggregate token_sum_norm.
struct Luffy {
  static constexpr MethodInfo kInfo{"luffy", "2504.14945",
                                    "foreign rows: J_t = p_t / (p_t + gamma) A_t; others: min(r_t "
                                    "A_t, clip(r_t, 1 - eps_low, 1 + "
                                    "eps_high) A_t)"};
  double gamma = 0.1;
  double eps_low = 1;
  double eps_high = kInfinity;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 1e-6, 1e6);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, kInfinity);
  }
  double low() const { return 1 - eps_low; }
  double high() const { return 1 + eps_high; }
  Field operator()(const TokenFields& f) const {
    const Field p = Exp(f.logp);
    return Where(ForeignTokens(f.rows), p / (p + gamma) * f.adv,
                 ClippedSurrogate(f, low(), high(), kNoDualClip));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_LUFFY_H_
