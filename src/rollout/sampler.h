// One token from one row of logits.
#ifndef RLVR_ROLLOUT_SAMPLER_H_
#define RLVR_ROLLOUT_SAMPLER_H_
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/row_stats.h"

namespace rlvr {

struct SamplingOptions {
  float temperature = 1.0f;  // 0: greedy (ties to the lowest id); logp is then of temperature 1
  int32_t top_k = 0;         // 0: off
  float top_p = 1.0f;        // 1: off
  float min_p = 0.0f;        // 0: off
  bool truncates() const { return temperature == 0 || top_k > 0 || top_p < 1 || min_p > 0; }
  // The temperature that log-probs and entropy are taken at, in sampling and in training.
  float score_temperature() const { return temperature == 0 ? 1.0f : temperature; }
};

struct Draw {
  int32_t token = 0;
  float logp = 0, entropy = 0;  // of softmax(z / T), untruncated: what training computes
  float sampler_logp = 0;  // of the distribution that was drawn from (equals logp unless truncated)
};

// uniform in [0, 1). The draw walks the cumulative sum of ExpF(z_i - max) in id order with fp64
// sums. Filters in the order top-k, top-p, min-p, as vLLM and Hugging Face do (each on the
// renormalised rest of the one before). scratch is reused between calls.
Draw SampleToken(std::span<const float> logits, const SamplingOptions& options, double uniform,
                 std::vector<float>* scratch);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_SAMPLER_H_
