// Log-probability of the row's token: log p_a. d log p_a / dz_i = [i = a] - p_i.
#ifndef RLVR_MODEL_STATISTIC_LOGP_H_
#define RLVR_MODEL_STATISTIC_LOGP_H_
#include "model/head.h"

namespace rlvr {
struct LogpStatistic {
  static float Value(const StatisticRow& r, float) {
    return RowLogProb(r.stats, r.logits[r.token], r.temperature);
  }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {.constant = -c}, .spike_token = r.token, .spike = c};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_LOGP_H_
