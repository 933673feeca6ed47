#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_KL_PENALTY_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_KL_PENALTY_H_
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// The KL penalty of RLHF in the reward, arXiv:1909.08593, Eq. 2, token by token as PPO and
// REINFORCE++ (arXiv:2501.03262) use it:
//   token_reward_t = token_reward_t - beta k,   d = logp_old - logp_ref
//   k1: d;  abs: |d|;  k2: d^2 / 2;  k3: exp(-d) + d - 1
// Advantages that read rewards of tokens see it (gae, reinforce_plus_plus, prime); those that read
// one reward a response do not: for them there is the regularizer kl.
struct KlPenalty {
  static constexpr MethodInfo kInfo{"kl_penalty", "1909.08593",
                                    "token_reward_t = token_reward_t - beta (logp_old - logp_ref)"};
  double beta = 0.001;
  std::string kind = "k1";
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1e6);
    p("kind", kind, {"k1", "abs", "k2", "k3"});
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {}, .reference = true}; }
  void operator()(Rows* rows, const BatchContext& context) const {
    double sum = 0, tokens = 0;
    for (size_t t = 0; t < rows->token_reward.size(); ++t) {
      const double d = rows->logp_old[t] - rows->logp_ref[t];
      double k = d;
      if (kind == "abs") k = std::abs(d);
      if (kind == "k2") k = d * d / 2;
      if (kind == "k3") k = std::exp(-d) + d - 1;
      rows->token_reward[t] -= beta * k;
      sum += k * rows->mask[t];
      tokens += rows->mask[t];
    }
    context.metrics->push_back({"reward_shaping/kl", sum, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_KL_PENALTY_H_
