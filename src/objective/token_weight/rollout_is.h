#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_IS_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_IS_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"
#include "objective/token_weight/rollout_weights.h"

namespace rlvr {
// Truncated importance sampling (TIS) of responses that another distribution mu than the policy pi
// drew, as where rollouts are quantised: verl's rollout correction `rollout_is`, with C its
// rollout_is_threshold; FP8-RL, arXiv:2601.18150. pi, mu and d: rollout_weights.h.
//   level token:     w_t = min(exp(d_t), C)
//   level sequence:  w_t = min(exp(sum of d over the response's unmasked tokens), C)
// It multiplies any policy loss; the ratio of that loss stays pi_theta / pi. Where mu is pi, w is 1
// exactly. truncated_is corrects for something else, a policy that has moved since it sampled.
struct RolloutIs {
  static constexpr MethodInfo kInfo{"rollout_is", "2601.18150",
                                    "weight w = min(exp(logp_old - sampler_logp), C), TIS"};
  double C = 2;
  std::string level = "token";
  template <class Visitor>
  void Params(Visitor& p) {
    p("C", C, 0.0, 1e6);
    p("level", level, {"token", "sequence"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const std::vector<double> d = RolloutLogRatios(f.rows);
    const RowSums sums = SumOverRows(f.rows, d, w->mask);
    WeightSpread spread;
    double cut = 0, largest = 0;
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) {
        const double full = RolloutWeight(level == "token" ? d[t] : sums.d[s]);
        const double weight = std::min(full, C);
        w->weight[t] *= weight;
        if (w->mask[t] == 0) continue;
        spread.Add(weight);
        cut += full > C;
        largest = std::max(largest, full);
      }
    }
    f.metrics->push_back({"rollout_corr/rollout_is_mean", spread.sum, spread.n});
    f.metrics->push_back({"rollout_corr/rollout_is_max", largest, 1, /*is_max=*/true});
    f.metrics->push_back({"rollout_corr/rollout_is_eff_sample_size", spread.effective_share(), 1});
    f.metrics->push_back({"rollout_corr/rollout_is_ratio_fraction_high", cut, spread.n});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_IS_H_
