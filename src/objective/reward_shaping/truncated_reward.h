#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_TRUNCATED_REWARD_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_TRUNCATED_REWARD_H_
#include "objective/batch_stage.h"

namespace rlvr {
// The truncation penalty of DLER, arXiv:2510.15110: a response that max_tokens cut off gets
// `reward`, also where its text so far holds the right answer. The simplest length penalty there is:
// the limit is the target.
struct TruncatedReward {
  static constexpr MethodInfo kInfo{"truncated_reward", "2510.15110",
                                    "r_i = reward if max_tokens cut the response off"};
  double reward = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("reward", reward, -1e6, 1e6);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      if (rows->truncated[s]) rows->reward[s] = reward;
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_TRUNCATED_REWARD_H_
