// What the statistics over sets of tokens share: a row's probabilities and its likeliest tokens.
// Sums over a set run in double in a fixed order.
#ifndef RLVR_MODEL_STATISTIC_TOKEN_SET_H_
#define RLVR_MODEL_STATISTIC_TOKEN_SET_H_
#include <cmath>
#include <span>
#include <vector>

#include "model/head.h"

namespace rlvr {
inline double PLogP(double p) { return p > 0 ? p * std::log(p) : 0; }

// [V], valid until the next call in this thread.
std::span<const float> ProbsOf(const StatisticRow& row);
// The min(k, V) tokens with the largest logits, ties by the lower id, as rising ids.
std::vector<int32_t> LikeliestTokens(const StatisticRow& row, int64_t k);
// Likeliest first: up to and with the token whose mass makes the sum reach `mass`; without it if
// open.
std::vector<int32_t> Nucleus(const StatisticRow& row, float mass, bool open);
}  // namespace rlvr
#endif  // RLVR_MODEL_STATISTIC_TOKEN_SET_H_
