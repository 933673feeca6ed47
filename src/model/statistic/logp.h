// Log-probability of the row's token: log p_a. d log p_a / dz_i = [i = a] - p_i.
#ifndef RLVR_MODEL_STATISTIC_LOGP_H_
#define RLVR_MODEL_STATISTIC_LOGP_H_
#include "model/head.h"

namespace rlvr {
struct LogpStatistic {
  static float Value(const RowStats& s, std::span<const float> logits, int32_t token,
                     float temperature) {
    return RowLogProb(s, logits[token], temperature);
  }
  static StatisticGradient Backward(const RowStats&, float c, int32_t token) {
    return {.dense = {.constant = -c}, .spike_token = token, .spike = c};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_LOGP_H_
