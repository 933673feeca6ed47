#ifndef RLVR_OBJECTIVE_POLICY_LOSS_POWER_DL_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_POWER_DL_H_
#include "objective/policy_loss/members.h"

namespace rlvr {
// POWER with dynamic labels, arXiv:2412.09544: reference-free preferences under weighted entropy,
// w(y) = 1 / |y|. A reconstruction: derived from the paper's objective, its constants and its exact
// label update not verified.
//   z = beta (w+ log pi(y+) - w- log pi(y-) + w+ - w-)
//   J = l log sigmoid(z) + (1 - l) log sigmoid(-z) + eta beta w+ log pi(y+)
//   l = 1 - gamma (1 - sigmoid(sg(z)))     one step of size gamma from the label 1 to sigmoid(z)
// The paper keeps the label of each pair of a fixed data set over its epochs. Pairs of sampled
// responses (each right one with each wrong one of its group; a group gives their mean) are new in
// every batch, so the label takes its one step here. gamma = 0: POWER with hard labels.
struct PowerDl {
  static constexpr MethodInfo kInfo{
      "power_dl", "2412.09544",
      "reconstruction: J = l log sigmoid(z) + (1 - l) log sigmoid(-z) + eta beta w+ logp+, "
      "z = beta (w+ logp+ - w- logp- + w+ - w-), w = 1 / |y|"};
  static constexpr Scope kScope = Scope::kGroup;
  double beta = 1;
  double eta = 0.001;
  double gamma = 0.1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1e6);
    p("eta", eta, 0.0, 1e6);
    p("gamma", gamma, 0.0, 1.0);
  }
  Field operator()(const TokenFields& f) const {
    std::vector<double> w(static_cast<size_t>(f.rows.num_rows()), 0.0);
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      double n = 0;
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) n += f.mask[t];
      if (n > 0) w[s] = 1 / n;
    }
    const Field mean = f.RowMean(f.logp);  // w(y) log pi(y)
    const Field reward = beta * (mean + f.Constant(std::move(w)));
    const Pairs pairs = RightWrongPairs(f);
    const Field z = Gather(reward, pairs.right) - Gather(reward, pairs.wrong);
    const Field l = 1 - gamma * (1 - Sigmoid(StopGradient(z)));
    return pairs.Mean(l * LogSigmoid(z) + (1 - l) * LogSigmoid(-z) +
                      eta * beta * Gather(mean, pairs.right));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_POWER_DL_H_
