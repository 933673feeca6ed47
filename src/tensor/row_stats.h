// One row of logits reduced to what a method may ask of it. z_i = logits_i * (1 / temperature).
//   max = max_i z_i,  sum = sum_i ExpF(z_i - max),  lse = max + LogF(sum),  log p_i = z_i - lse,
//   entropy = lse - (sum_i ExpF(z_i - max) z_i) / sum,  max_prob = 1 / sum
// Sums over the vocabulary run in 16 interleaved chains by (i mod 16) in order of token id, then a
// fixed tree: one code for sampling and training, whatever the chunk of rows.
#ifndef RLVR_TENSOR_ROW_STATS_H_
#define RLVR_TENSOR_ROW_STATS_H_
#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace rlvr {

struct RowStats {
  float max = 0, sum = 0, lse = 0;  // of z
  float entropy = 0;                // nats, of softmax(z)
  int32_t argmax = 0;               // lowest id at the maximum
  float max_prob() const { return 1.0f / sum; }
};

RowStats ComputeRowStats(std::span<const float> logits, float temperature);
inline float RowLogProb(const RowStats& s, float logit, float temperature) {
  return logit * (1.0f / temperature) - s.lse;
}

// The part of a statistic's gradient that falls on every token of the vocabulary V:
//   dlogits_i = (p_i (constant + prob_slope p_i + (log_slope + prob_log_slope p_i) log p_i)
//                + uniform) * (1 / temperature)
// to which the caller adds its single-token terms. Stored (not added). dlogits may be logits'
// buffer.
struct DenseGradient {
  float constant = 0, log_slope = 0, prob_slope = 0, prob_log_slope = 0, uniform = 0;
  void Add(const DenseGradient& other);
};
void RowGradient(std::span<const float> logits, const RowStats& stats, float temperature,
                 const DenseGradient& gradient, std::span<float> dlogits);

// weights_i = ExpF(z_i - max): what sampling draws from.
void RowWeights(std::span<const float> logits, const RowStats& stats, float temperature,
                std::span<float> weights);

namespace ref {
RowStats ComputeRowStats(std::span<const float> logits, float temperature);
void RowGradient(std::span<const float> logits, const RowStats& stats, float temperature,
                 const DenseGradient& gradient, std::span<float> dlogits);
void RowWeights(std::span<const float> logits, const RowStats& stats, float temperature,
                std::span<float> weights);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_ROW_STATS_H_
