// Log-probability of the token under the min-p filtered, renormalised policy (Lp-Reg,
// arXiv:2510.03222): N = {i: p_i >= min_p max p}, log p_a - log sum_N p for a in N, else
// Statistic::kFilteredOut without gradient. Gradient [i = a] - p_i / sum_N p in N, 0 outside.
#ifndef RLVR_MODEL_STATISTIC_FILTERED_LOGP_H_
#define RLVR_MODEL_STATISTIC_FILTERED_LOGP_H_
#include "model/statistic/token_set.h"

namespace rlvr {
struct FilteredLogpStatistic {
  static bool Kept(const StatisticRow& r, std::span<const float> p, float min_p, size_t i) {
    return p[i] >= min_p * p[r.stats.argmax];
  }
  static double Mass(const StatisticRow& r, std::span<const float> p, float min_p) {
    double mass = 0;
    for (size_t i = 0; i < p.size(); ++i) mass += Kept(r, p, min_p, i) ? p[i] : 0;
    return mass;
  }
  static float Value(const StatisticRow& r, float min_p) {
    const std::span<const float> p = ProbsOf(r);
    if (!Kept(r, p, min_p, static_cast<size_t>(r.token))) return Statistic::kFilteredOut;
    return static_cast<float>(RowLogProb(r.stats, r.logits[r.token], r.temperature) -
                              std::log(Mass(r, p, min_p)));
  }
  static StatisticGradient Backward(const StatisticRow& r, float min_p, float c) {
    const std::span<const float> p = ProbsOf(r);
    StatisticGradient g;
    if (!Kept(r, p, min_p, static_cast<size_t>(r.token))) return g;
    const double mass = Mass(r, p, min_p);
    for (size_t i = 0; i < p.size(); ++i) {
      if (Kept(r, p, min_p, i))
        g.spikes.emplace_back(static_cast<int32_t>(i), static_cast<float>(-c * p[i] / mass));
    }
    g.spike_token = r.token;
    g.spike = c;
    return g;
  }
};
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_FILTERED_LOGP_H_
