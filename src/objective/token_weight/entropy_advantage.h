#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_ADVANTAGE_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_ADVANTAGE_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// Reasoning with exploration, arXiv:2506.14758: a bonus on the advantage where
// the policy being trained is uncertain, too small to change the advantage's sign,
//   A_t <- A_t + min(alpha H_t, |A_t| / kappa)
// No gradient flows through H_t, so unlike entropy_bonus it raises no entropy by itself.
struct EntropyAdvantage {
  static constexpr MethodInfo kInfo{"entropy_advantage", "2506.14758",
                                    "A_t <- A_t + min(alpha H_t, |A_t| / kappa)"};
  double alpha = 0.4, kappa = 2;
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha", alpha, 0.0, 1000.0);
    p("kappa", kappa, 1.0, 1e6);
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    double bonus = 0, tokens = 0;
    for (size_t t = 0; t < w->adv.size(); ++t) {
      const double b = std::min(alpha * f.entropy.values()[t], std::abs(w->adv[t]) / kappa);
      w->adv[t] += b;
      bonus += w->mask[t] * b;
      tokens += w->mask[t];
    }
    f.metrics->push_back({"token_weight/entropy_advantage", bonus, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_ADVANTAGE_H_
