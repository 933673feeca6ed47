#ifndef RLVR_OBJECTIVE_POLICY_LOSS_GSPO_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_GSPO_H_
#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// log s_i = 1 / |y_i| sum_t (logp_t - logp_old_t) over unmasked tokens: the ratio of a response,
// with its length taken out. [S]
inline Field LogSequenceRatio(const TokenFields& f) { return f.RowMean(f.logp - f.logp_old); }

// How often the response's ratio, not a token's, is clipped.
inline void AddSequenceClipMetric(const TokenFields& f, const Field& s, double low, double high) {
  double clipped = 0, tokens = 0;
  for (size_t t = 0; t < f.mask.size(); ++t) {
    if (f.mask[t] == 0) continue;
    const double a = f.adv.values()[t], ratio = s.values()[t];
    clipped += (a > 0 && ratio > high) || (a < 0 && ratio < low);
    tokens += 1;
  }
  f.metrics->push_back({"actor/seq_clipfrac", clipped, tokens});
}

// Group Sequence Policy Optimization, arXiv:2507.18071, Eq. 5 to 7.
//   J_i = min(s_i A_i, clip(s_i, 1 - eps_low, 1 + eps_high) A_i)
//   s_i = (pi(y_i) / pi_old(y_i))^(1 / |y_i|)
// Differs from GRPO's loss in the ratio: one for the whole response, so a response is clipped as
// one. J_i stands on each of its tokens, and aggregate: seq_mean_token_mean gives the paper's mean
// over responses (token_mean weighs long ones more).
struct Gspo {
  static constexpr MethodInfo kInfo{"gspo", "2507.18071",
                                    "J_i = min(s_i A_i, clip(s_i, 1 - eps_low, 1 + eps_high) A_i), "
                                    "s_i = exp(mean_t(logp_t - logp_old_t))"};
  double eps_low = 3e-4;   // Sec. 5.1
  double eps_high = 4e-4;  // Sec. 5.1
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
  }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    const Field s = f.Spread(Exp(LogSequenceRatio(f)));
    AddSequenceClipMetric(f, s, 1 - eps_low, 1 + eps_high);
    return Min(s * f.adv, Clip(s, 1 - eps_low, 1 + eps_high) * f.adv);
  }
};

// GSPO-token, arXiv:2507.18071, Eq. 13 and 14: GSPO's values for advantages that differ within a
// response. sg stops the gradient.
//   J_t = min(s_t A_t, clip(s_t, 1 - eps_low, 1 + eps_high) A_t)
//   s_t = sg(s_i) exp(logp_t - sg(logp_t))
// With one advantage a response and seq_mean_token_mean its gradient is GSPO's.
struct GspoToken {
  static constexpr MethodInfo kInfo{"gspo_token", "2507.18071",
                                    "J_t = min(s_t A_t, clip(s_t, 1 - eps_low, 1 + eps_high) A_t), "
                                    "s_t = sg(s_i) exp(logp_t - sg(logp_t))"};
  double eps_low = 3e-4;
  double eps_high = 4e-4;
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
  }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    const Field s =
        f.Spread(StopGradient(Exp(LogSequenceRatio(f)))) * Exp(f.logp - StopGradient(f.logp));
    AddSequenceClipMetric(f, s, 1 - eps_low, 1 + eps_high);
    return Min(s * f.adv, Clip(s, 1 - eps_low, 1 + eps_high) * f.adv);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_GSPO_H_
