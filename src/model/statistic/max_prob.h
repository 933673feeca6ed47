// Probability of the likeliest token: p_m. d p_m / dz_i = p_m ([i = m] - p_i).
#ifndef RLVR_MODEL_STATISTIC_MAX_PROB_H_
#define RLVR_MODEL_STATISTIC_MAX_PROB_H_
#include "model/head.h"

namespace rlvr {
struct MaxProbStatistic {
  static float Value(const RowStats& s, std::span<const float>, int32_t, float) {
    return s.max_prob();
  }
  static StatisticGradient Backward(const RowStats& s, float c, int32_t) {
    const float scaled = c * s.max_prob();
    return {.dense = {.constant = -scaled}, .spike_token = s.argmax, .spike = scaled};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_MAX_PROB_H_
