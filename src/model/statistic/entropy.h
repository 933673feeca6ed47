// Entropy of the row, nats: H = -sum_i p_i log p_i. dH / dz_i = -p_i (log p_i + H).
#ifndef RLVR_MODEL_STATISTIC_ENTROPY_H_
#define RLVR_MODEL_STATISTIC_ENTROPY_H_
#include "model/head.h"

namespace rlvr {
struct EntropyStatistic {
  static float Value(const StatisticRow& r, float) { return r.stats.entropy; }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {.constant = -c * r.stats.entropy, .log_slope = -c}};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_ENTROPY_H_
