// Collision probability S = sum_i p_i^2. dS / dz_i = 2 p_i (p_i - S).
#ifndef RLVR_MODEL_STATISTIC_SUM_P2_H_
#define RLVR_MODEL_STATISTIC_SUM_P2_H_
#include "model/statistic/token_set.h"

namespace rlvr {
struct SumP2Statistic {
  static float Value(const StatisticRow& r, float) {
    double sum = 0;
    for (const double p : ProbsOf(r)) sum += p * p;
    return static_cast<float>(sum);
  }
  static StatisticGradient Backward(const StatisticRow& r, float, float c) {
    return {.dense = {.constant = -2 * c * Value(r, 0), .prob_slope = 2 * c}};
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_SUM_P2_H_
