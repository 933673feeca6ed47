// log sum_i exp(z_i) - mean_i z_i: at least log V, which it is where all logits are equal.
// Gradient p_i - 1 / V.
#ifndef RLVR_MODEL_STATISTIC_LOGIT_MARGIN_H_
#define RLVR_MODEL_STATISTIC_LOGIT_MARGIN_H_
#include "model/head.h"

namespace rlvr {
struct LogitMarginStatistic {
  static float Value(const StatisticRow& r, float) {
    const float inverse = 1.0f / r.temperature;
    double below = 0;  // sum_i lse - z_i: no cancellation where logits have a large mean
    for (const float logit : r.logits) below += static_cast<double>(r.stats.lse) - logit * inverse;
    return static_cast<float>(below / static_cast<double>(r.logits.size()));
  }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {.constant = c, .uniform = -c / static_cast<float>(r.logits.size())}};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_LOGIT_MARGIN_H_
