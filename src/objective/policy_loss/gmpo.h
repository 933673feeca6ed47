#ifndef RLVR_OBJECTIVE_POLICY_LOSS_GMPO_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_GMPO_H_
#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// Geometric-Mean Policy Optimization, arXiv:2507.20673: GRPO with the geometric mean of a
// response's ratios in place of their arithmetic one, so that one token's outlier moves it little.
// Each token's log-ratio is clipped for itself before the mean.
//   J_i = A_i exp(mean_t l_t),  l_t = min(log r_t, clip(log r_t, -eps_low, eps_high)) where A_i > 0,
//                                     max(...) where A_i < 0
// Differs from GSPO, which clips the mean. Bounds are those of log r_t. A_i is the mean advantage
// of the response's tokens, which GRPO's have in common; the mean is over responses.
struct Gmpo {
  static constexpr MethodInfo kInfo{"gmpo", "2507.20673",
                                    "J_i = A_i exp(mean_t clip(log r_t, -eps_low, eps_high)), "
                                    "clipped on the side that A_i gains from"};
  static constexpr Scope kScope = Scope::kResponse;
  double eps_low = 0.4;
  double eps_high = 0.4;
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps_low", eps_low, 0.0, 100.0);
    p("eps_high", eps_high, 0.0, 100.0);
  }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    const Field l = f.logp - f.logp_old;
    const Field clipped = Clip(l, -eps_low, eps_high);
    std::vector<char> negative, any;  // [T]
    double cut = 0, tokens = 0;
    for (size_t t = 0; t < f.mask.size(); ++t) {
      const double a = f.adv.values()[t], x = l.values()[t];
      negative.push_back(a < 0);
      any.push_back(a != 0);
      cut += f.mask[t] * ((a > 0 && x > eps_high) || (a < 0 && x < -eps_low));
      tokens += f.mask[t];
    }
    f.metrics->push_back({"actor/gmpo_clipfrac", cut, tokens});
    const Field bound = Where(negative, Max(l, clipped), Min(l, clipped));
    return f.RowMean(f.adv) * Exp(f.RowMean(Where(any, bound, f.Constant({0}))));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_GMPO_H_
