#ifndef RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_H_
#define RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_H_
#include "objective/batch_stage.h"

namespace rlvr {
// REINFORCE++, arXiv:2501.03262: PPO without a critic. The return from a token on, whitened over
// all tokens of the batch instead of a group:
//   G_t = sum_{s >= t} gamma^{s-t} r_s,   A_t = (G_t - mean G) / std G
// r_s is a token's own reward (reward_shaping kl_penalty makes the paper's -beta KL), and the row's
// at its last token. Longer responses weigh more in mean and std. The std has the divisor n - 1 and
// 1e-8 is added to the variance, as in verl.
struct ReinforcePlusPlus {
  static constexpr MethodInfo kInfo{
      "reinforce_plus_plus", "2501.03262",
      "A_t = whitened over the batch's tokens: sum_{s >= t} gamma^(s-t) reward_s"};
  double gamma = 1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      double to_come = rows->reward[s];
      for (int64_t t = rows->begin[s + 1] - 1; t >= rows->begin[s]; --t) {
        const bool last = t + 1 == rows->begin[s + 1];
        to_come = rows->token_reward[t] + (last ? to_come : gamma * to_come);
        rows->adv[t] = to_come;
      }
    }
    rows->adv = Whiten(TokensBy(Scope::kBatch, *rows), rows->adv, rows->mask);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_H_
