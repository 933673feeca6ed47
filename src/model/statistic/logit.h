// The token's logit after temperature, z_a. Gradient [i = a].
#ifndef RLVR_MODEL_STATISTIC_LOGIT_H_
#define RLVR_MODEL_STATISTIC_LOGIT_H_
#include "model/head.h"

namespace rlvr {
struct LogitStatistic {
  static float Value(const StatisticRow& r, float) {
    return r.logits[r.token] * (1.0f / r.temperature);
  }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {}, .spike_token = r.token, .spike = c};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_LOGIT_H_
