// M = sum_i p_i^2 log p_i: with S = sum_i p_i^2 and the entropy H, the policy's expectation of
// p (H + log p) is H S + M. dM / dz_i = p_i (2 p_i log p_i + p_i - 2 M - S).
#ifndef RLVR_MODEL_STATISTIC_SUM_P2_LOGP_H_
#define RLVR_MODEL_STATISTIC_SUM_P2_LOGP_H_
#include "model/statistic/sum_p2.h"

namespace rlvr {
struct SumP2LogpStatistic {
  static float Value(const StatisticRow& r, float) {
    double sum = 0;
    const std::span<const float> probs = ProbsOf(r);
    for (size_t i = 0; i < probs.size(); ++i) {
      const double p = probs[i];
      sum += p * p * RowLogProb(r.stats, r.logits[i], r.temperature);
    }
    return static_cast<float>(sum);
  }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {.constant = -c * (2 * Value(r, 0) + SumP2Statistic::Value(r, 0)),
                      .prob_slope = c,
                      .prob_log_slope = 2 * c}};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_SUM_P2_LOGP_H_
