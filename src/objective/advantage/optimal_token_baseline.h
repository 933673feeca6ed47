#ifndef RLVR_OBJECTIVE_ADVANTAGE_OPTIMAL_TOKEN_BASELINE_H_
#define RLVR_OBJECTIVE_ADVANTAGE_OPTIMAL_TOKEN_BASELINE_H_
#include <algorithm>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// The optimal token baseline of verl (https://richardli.xyz/optimal-token-baseline): OPO's idea at
// every position t, with what the responses' gradients have added up to there instead of lengths.
//   A_t = G_t - B_t,   B_t = sum_i W_{i,t} G_{i,t} / (sum_i W_{i,t} + eps) over the responses of the
//   group that are still running at t;   W_t = sum_{j <= t} (1 - 2 p_j + sum_v p_{j,v}^2)
// G_t is the return from t on: token rewards and the row's at its last token. The bracket is the
// squared norm of the log-prob's gradient with respect to the logits. A group of one has no baseline.
// zero_tail: the longest response has none either where it runs alone; else it is its own baseline
// there and nothing is learnt. Masked tokens have part in all sums.
struct OptimalTokenBaseline {
  static constexpr MethodInfo kInfo{
      "optimal_token_baseline", "",
      "A_t = G_t - sum_i W_{i,t} G_{i,t} / sum_i W_{i,t}, W_t = sum_{j <= t} (1 - 2 p_j + sum_v "
      "p_{j,v}^2)"};
  static constexpr Statistic kSumP2{Statistic::Kind::kSumP2};
  bool zero_tail = false;
  double eps = 1e-8;
  template <class Visitor>
  void Params(Visitor& p) {
    p("zero_tail", zero_tail);
    p("eps", eps, 0.0, 1.0);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {kSumP2}}; }
  void operator()(Rows* rows, const BatchContext&) const {
    const Column& sum_p2 = rows->Behaviour(ToString(kSumP2));
    Column W(sum_p2.size());
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      double w = 0, to_come = rows->reward[s];
      for (int64_t t = rows->begin[s]; t < rows->begin[s + 1]; ++t)
        W[t] = w += 1 - 2 * std::exp(rows->logp_old[t]) + sum_p2[t];
      for (int64_t t = rows->begin[s + 1] - 1; t >= rows->begin[s]; --t)
        rows->adv[t] = to_come += rows->token_reward[t];
    }
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      if (last - first == 1) continue;
      int64_t longest = 0;
      for (int64_t s = first; s < last; ++s) longest = std::max(longest, rows->length(s));
      for (int64_t i = 0; i < longest; ++i) {
        double weighted = 0, weights = 0;
        int64_t running = 0;
        for (int64_t s = first; s < last; ++s) {
          if (i >= rows->length(s)) continue;
          const int64_t t = rows->begin[s] + i;
          weighted += W[t] * rows->adv[t];
          weights += W[t];
          ++running;
        }
        const double B = zero_tail && running == 1 ? 0 : weighted / (weights + eps);
        for (int64_t s = first; s < last; ++s) {
          if (i < rows->length(s)) rows->adv[rows->begin[s] + i] -= B;
        }
      }
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_OPTIMAL_TOKEN_BASELINE_H_
