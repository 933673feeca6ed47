// Probability of the likeliest token: p_m. d p_m / dz_i = p_m ([i = m] - p_i).
#ifndef RLVR_MODEL_STATISTIC_MAX_PROB_H_
#define RLVR_MODEL_STATISTIC_MAX_PROB_H_
#include "model/head.h"

namespace rlvr {
struct MaxProbStatistic {
  static float Value(const StatisticRow& r, float) { return r.stats.max_prob(); }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    const float scaled = c * r.stats.max_prob();
    return {.dense = {.constant = -scaled}, .spike_token = r.stats.argmax, .spike = scaled};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_MAX_PROB_H_
