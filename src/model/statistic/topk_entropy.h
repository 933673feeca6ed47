// Entropy of the k likeliest tokens and one bucket for all others, as from a sampler that returns k
// log-probs: with q = 1 - sum_top p_i, H = -sum_top p_i log p_i - q log q.
//   dH / dz_i = p_i (-log p_i - H) for the top, p_i (-log q - H) for the others.
#ifndef RLVR_MODEL_STATISTIC_TOPK_ENTROPY_H_
#define RLVR_MODEL_STATISTIC_TOPK_ENTROPY_H_
#include "model/statistic/token_set.h"

namespace rlvr {
struct TopkEntropyStatistic {
  struct Parts {
    std::vector<int32_t> top;  // rising ids
    double rest = 0, entropy = 0;
  };
  static Parts Split(const StatisticRow& r, float k) {
    Parts parts{LikeliestTokens(r, static_cast<int64_t>(k)), 0, 0};
    const std::span<const float> p = ProbsOf(r);
    size_t next = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      if (next < parts.top.size() && static_cast<size_t>(parts.top[next]) == i) {
        parts.entropy -= PLogP(p[i]);
        ++next;
      } else {
        parts.rest += p[i];
      }
    }
    parts.entropy -= PLogP(parts.rest);
    return parts;
  }
  static float Value(const StatisticRow& r, float k) {
    return static_cast<float>(Split(r, k).entropy);
  }
  static StatisticGradient Backward(const StatisticRow& r, float k, float c) {
    const Parts parts = Split(r, k);
    const double rest = parts.rest > 0 ? std::log(parts.rest) : 0;  // no others: top terms only
    StatisticGradient g;
    g.dense.constant = static_cast<float>(c * (-rest - parts.entropy));
    const std::span<const float> p = ProbsOf(r);
    for (const int32_t i : parts.top)
      g.spikes.emplace_back(i, static_cast<float>(c * (p[i] * rest - PLogP(p[i]))));
    return g;
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_TOPK_ENTROPY_H_
