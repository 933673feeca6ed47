#ifndef RLVR_OBJECTIVE_ADVANTAGE_GAE_H_
#define RLVR_OBJECTIVE_ADVANTAGE_GAE_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Generalised advantage estimation, arXiv:1506.02438, Eq. 16, as PPO uses it, with a critic V:
//   delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1},  R_t = A_t + V_t
// r_t is a token's own reward, and the row's at its last token; after that V is 0. The targets R_t
// go to the critic before whitening. Tokens that the policy did not write are no part of a row:
// value and advantage are carried across them. Defaults as for reasoning (gamma = lambda = 1); RLHF
// often takes lambda 0.95.
struct Gae {
  static constexpr MethodInfo kInfo{
      "gae", "1506.02438", "A_t = sum_l (gamma lambda)^l (r_{t+l} + gamma V_{t+l+1} - V_{t+l})"};
  double gamma = 1, lambda = 1;
  bool whiten = true;  // over the batch, as verl and OpenRLHF
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
    p("lambda", lambda, 0.0, 1.0);
    p("whiten", whiten);
  }
  Needs needs() const {
    Needs needs;
    needs.values = true;
    return needs;
  }
  void operator()(Rows* rows, const BatchContext&) const {
    const std::vector<double>& V = rows->value;
    rows->value_target.assign(V.size(), 0);
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      double next_value = 0, next_adv = 0;
      for (int64_t t = rows->begin[s + 1] - 1; t >= rows->begin[s]; --t) {
        const bool last = t + 1 == rows->begin[s + 1];
        const double r = rows->token_reward[t] + (last ? rows->reward[s] : 0.0);
        rows->adv[t] = r + gamma * next_value - V[t] + gamma * lambda * next_adv;
        rows->value_target[t] = rows->adv[t] + V[t];
        next_value = V[t];
        next_adv = rows->adv[t];
      }
    }
    if (whiten) rows->adv = Whiten(TokensBy(Scope::kBatch, *rows), rows->adv, rows->mask);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_GAE_H_
