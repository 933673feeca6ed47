#ifndef RLVR_OBJECTIVE_POLICY_LOSS_CPL_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_CPL_H_
#include "objective/policy_loss/members.h"

namespace rlvr {
// Contrastive Preference Learning, arXiv:2310.13639, with the conservative bias lambda. The paper
// learns from given preferences; here each right response is preferred to each wrong one of its
// group, and a group gives the mean over its pairs (0 without one).
//   S(y) = alpha sum_t log pi(y_t)
//   J = log sigmoid(S(y+) - lambda S(y-))
// lambda < 1 keeps the policy from lowering both. No advantage, ratio or reference.
struct Cpl {
  static constexpr MethodInfo kInfo{
      "cpl", "2310.13639",
      "J = mean over pairs of log sigmoid(S+ - lambda S-), S = alpha sum_t logp_t"};
  static constexpr Scope kScope = Scope::kGroup;
  double alpha = 0.1;
  double lambda = 0.5;
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha", alpha, 0.0, 1e6);
    p("lambda", lambda, 0.0, 1.0);
  }
  Field operator()(const TokenFields& f) const {
    const Field S = f.RowSum(f.logp) * alpha;
    const Pairs pairs = RightWrongPairs(f);
    return pairs.Mean(LogSigmoid(Gather(S, pairs.right) - lambda * Gather(S, pairs.wrong)));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_CPL_H_
