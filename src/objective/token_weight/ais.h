#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_AIS_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_AIS_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"
#include "objective/token_weight/rollout_weights.h"

namespace rlvr {
// Adaptive importance sampling for quantised rollouts (AIS), arXiv:2605.13907: a mixture of the
// uncorrected and the corrected gradient, by how bad the mismatch of the batch is. pi, mu and d:
// rollout_weights.h.
//   multiplier of token t: (1 - lambda) + lambda min(w_t, C),  w_t = exp(d_t)
//   reliability    e = (sum W)^2 / (B sum W^2),  W = exp(sum of d over the response), B responses
//   divergence     m = mean_t |d_t|
//   amplification  v = std(w_t) / mean(w_t)
//   lambda = ema previous + (1 - ema) clip(max(1 - e, m / d0, v / v0), 0, 1)
// The three diagnostics and the mixture are the paper's; how they become lambda is not in what could
// be read of it: that line and C, d0, v0 are a reconstruction. A batch is the mini-batch. A method
// has no memory, so a moving average over steps takes the last step's lambda from the controller
// last_value: {ema: 0.9, previous: {controller: last_value}}. Responses that the policy did not
// sample (experts) count in no diagnostic.
struct Ais {
  static constexpr MethodInfo kInfo{
      "ais", "2605.13907",
      "weight (1 - lambda) + lambda min(exp(logp_old - sampler_logp), C), lambda by the mismatch"};
  double C = 2;
  double d0 = 0.05;
  double v0 = 0.5;
  double ema = 0;
  double previous = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("C", C, 0.0, 1e6);
    p("d0", d0, 1e-9, 1e6);
    p("v0", v0, 1e-9, 1e6);
    p("ema", ema, 0.0, 1.0);
    p("previous", previous, 0.0, 1.0);
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const std::vector<double> d = RolloutLogRatios(f.rows);
    const RowSums sums = SumOverRows(f.rows, d, w->mask);
    WeightSpread sequences, tokens;
    double distance = 0;
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      if (sums.tokens[s] == 0 || (f.rows.foreign[s] && !f.rows.replayed[s])) continue;
      sequences.Add(RolloutWeight(sums.d[s]));
      for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) {
        if (w->mask[t] == 0) continue;
        tokens.Add(RolloutWeight(d[t]));
        distance += std::abs(d[t]);
      }
    }
    const double e = sequences.effective_share(), m = distance / std::max(tokens.n, 1.0),
                 v = tokens.deviation_over_mean();
    const double now = std::clamp(std::max({1 - e, m / d0, v / v0}), 0.0, 1.0);
    const double lambda = std::lerp(now, previous, ema);
    // lerp is exact at both ends, and between equal numbers.
    for (size_t t = 0; t < d.size(); ++t)
      w->weight[t] *= std::lerp(1.0, std::min(RolloutWeight(d[t]), C), lambda);
    f.metrics->push_back({"token_weight/ais_lambda", lambda, 1});
    f.metrics->push_back({"token_weight/ais_reliability", e, 1});
    f.metrics->push_back({"token_weight/ais_divergence", m, 1});
    f.metrics->push_back({"token_weight/ais_amplification", v, 1});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_AIS_H_
