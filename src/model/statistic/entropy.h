// Entropy of the row, nats: H = -sum_i p_i log p_i. dH / dz_i = -p_i (log p_i + H).
#ifndef RLVR_MODEL_STATISTIC_ENTROPY_H_
#define RLVR_MODEL_STATISTIC_ENTROPY_H_
#include "model/head.h"

namespace rlvr {
struct EntropyStatistic {
  static float Value(const RowStats& s, std::span<const float>, int32_t, float) {
    return s.entropy;
  }
  static StatisticGradient Backward(const RowStats& s, float c, int32_t) {
    return {.dense = {.constant = -c * s.entropy, .log_slope = -c}};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_ENTROPY_H_
