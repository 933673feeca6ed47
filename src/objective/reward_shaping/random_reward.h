#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_RANDOM_REWARD_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_RANDOM_REWARD_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Spurious reward, arXiv:2512.16912: r_i ~ Bernoulli(p), independent of the response. Shows what
// clipping alone does to a policy and its entropy.
struct RandomReward {
  static constexpr MethodInfo kInfo{"random_reward", "2512.16912", "r_i ~ Bernoulli(p)"};
  double p = 0.5;
  template <class Visitor>
  void Params(Visitor& v) {
    v("p", p, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const auto group = GroupOfRows(*rows);
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      const auto g = static_cast<size_t>(group[s]);
      const RandomKey key = context.key[static_cast<uint64_t>(rows->prompt[g])]
                                       [static_cast<uint64_t>(rows->occurrence[g])];
      rows->reward[s] = key.Uniform(static_cast<uint64_t>(rows->sample[s])) < p ? 1 : 0;
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_RANDOM_REWARD_H_
