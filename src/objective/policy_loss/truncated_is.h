#ifndef RLVR_OBJECTIVE_POLICY_LOSS_TRUNCATED_IS_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_TRUNCATED_IS_H_
#include <algorithm>
#include <cmath>

#include "objective/policy_loss/clipped_surrogate.h"

namespace rlvr {
// Truncated importance sampling in a decoupled objective: the clip is taken around the policy at
// the start of the step (proximal), and a weight corrects from the policy that sampled (behaviour).
// Decoupled PPO, arXiv:2110.00641; the truncation as verl's rollout correction. sg stops the
// gradient.
//   J_t = w_t min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t)
//   r_t = exp(logp_t - logp_prox_t),  d_t = logp_prox_t - logp_old_t
//   level token:     w_t = sg(min(exp(d_t), C))
//   level sequence:  w_t = sg(min(exp(sum of d over the response), C))
// Log-weights are held within +-20. logp_prox is a forward pass of the batch before its updates.
// On rows that this policy sampled in this step d is 0 bit for bit, since sampling and training are
// one program: w = 1, and the loss is decoupled_clip's. It does something on rows whose recorded
// log-prob is another policy's: stale, replayed or foreign ones.
struct TruncatedIs {
  static constexpr MethodInfo kInfo{
      "truncated_is", "2110.00641",
      "J_t = w_t min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t), r_t = exp(logp_t - "
      "logp_prox_t), w_t = min(exp(logp_prox_t - logp_old_t), C)"};
  double C = 2;
  std::string level = "token";
  double eps_low = 0.2;
  double eps_high = 0.28;
  template <class Visitor>
  void Params(Visitor& p) {
    p("C", C, 0.0, 1e6);
    p("level", level, {"token", "sequence"});
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {Statistic::kLogp}}; }
  Field operator()(const TokenFields& f) const {
    const Field prox = f.Constant(f.rows.Behaviour(ToString(Statistic::kLogp)));
    const Field d = prox - f.logp_old;
    std::vector<double> weight = (level == "token" ? d : f.Spread(f.RowSum(d))).values();
    double cut = 0, sum = 0, tokens = 0;
    for (size_t t = 0; t < weight.size(); ++t) {
      const double full = std::exp(std::clamp(weight[t], -20.0, 20.0));
      weight[t] = std::min(full, C);
      if (f.mask[t] == 0) continue;
      cut += full > C;
      sum += weight[t];
      tokens += 1;
    }
    f.metrics->push_back({"actor/is_truncated", cut, tokens});
    f.metrics->push_back({"actor/is_weight", sum, tokens});
    TokenFields around = f;
    around.logp_old = prox;
    return f.Constant(std::move(weight)) *
           ClippedSurrogate(around, 1 - eps_low, 1 + eps_high, kNoDualClip);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_TRUNCATED_IS_H_
