#ifndef RLVR_OBJECTIVE_ADVANTAGE_RLFR_H_
#define RLVR_OBJECTIVE_ADVANTAGE_RLFR_H_
#include "objective/batch_stage.h"

namespace rlvr {
// RLFR, arXiv:2510.10201, as in the released code: the flow rewards of tokens (Rows::token_reward,
// train/flow_reward.h, a KL penalty included where there is one) come as returns on top of the
// outcome's advantage, which the methods before made (group_normalized):
//   A_t' = A_t + sum_{s >= t} gamma^{s-t} token_reward_s
// Not normalised again. A recipe that names this method trains a flow field (section flow_reward).
struct Rlfr {
  static constexpr MethodInfo kInfo{
      "rlfr", "2510.10201", "A_t + sum_{s >= t} gamma^(s-t) token_reward_s, of a flow field"};
  double gamma = 1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      double to_come = 0;
      for (int64_t t = rows->begin[s + 1] - 1; t >= rows->begin[s]; --t) {
        to_come = rows->token_reward[t] + gamma * to_come;
        rows->adv[t] += to_come;
      }
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_RLFR_H_
