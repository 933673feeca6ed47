// Entropy of the nucleus N, its probabilities renormalised: with r_i = p_i / sum_N p,
// H = -sum_N r_i log r_i, dH / dz_i = -r_i (log r_i + H) in N and 0 outside.
// The nucleus of mass P is the shortest list of likeliest tokens that reaches P (it holds the token
// that crosses); the open one is the longest that stays below P (SIREN's code, arXiv:2509.25133),
// and may be empty: H = 0.
#ifndef RLVR_MODEL_STATISTIC_NUCLEUS_ENTROPY_H_
#define RLVR_MODEL_STATISTIC_NUCLEUS_ENTROPY_H_
#include "model/statistic/token_set.h"

namespace rlvr {
template <bool kOpen>
struct NucleusEntropyOf {
  struct Parts {
    std::vector<int32_t> tokens;  // likeliest first
    double mass = 0, entropy = 0;
  };
  static Parts Split(const StatisticRow& r, float mass) {
    Parts parts{Nucleus(r, mass, kOpen), 0, 0};
    const std::span<const float> p = ProbsOf(r);
    for (const int32_t i : parts.tokens) parts.mass += p[i];
    for (const int32_t i : parts.tokens) parts.entropy -= PLogP(p[i] / parts.mass);
    return parts;
  }
  static float Value(const StatisticRow& r, float mass) {
    return static_cast<float>(Split(r, mass).entropy);
  }
  static StatisticGradient Backward(const StatisticRow& r, float mass, float c) {
    const Parts parts = Split(r, mass);
    const std::span<const float> p = ProbsOf(r);
    StatisticGradient g;
    for (const int32_t i : parts.tokens) {
      const double share = p[i] / parts.mass;
      g.spikes.emplace_back(i, static_cast<float>(-c * (PLogP(share) + share * parts.entropy)));
    }
    return g;
  }
};
using NucleusEntropyStatistic = NucleusEntropyOf<false>;
using OpenNucleusEntropyStatistic = NucleusEntropyOf<true>;
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_NUCLEUS_ENTROPY_H_
