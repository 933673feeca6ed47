// One token from one row of logits.
#ifndef RLVR_ROLLOUT_SAMPLER_H_
#define RLVR_ROLLOUT_SAMPLER_H_
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/row_stats.h"

namespace rlvr {

// A temperature for every token, from the entropy of its own row and what the last update saw
// (HAPO, arXiv:2509.16591): with u = log max(H, 1e-6) and h = (u - center) / scale,
//   T_t = T (1 + tau clip(hhat, -1, 1)),  hhat = h up above 0, h down below.
// H is the entropy of softmax(z / T), which training computes too.
struct EntropyTemperature {
  double tau = 0;  // 0: off
  double center = 0, scale = 1, up = 1, down = 1;
  double Factor(double entropy) const;  // T_t / T
};

struct SamplingOptions {
  float temperature = 1.0f;  // 0: greedy (ties to the lowest id); logp is then of temperature 1
  int32_t top_k = 0;         // 0: off
  float top_p = 1.0f;        // 1: off
  float min_p = 0.0f;        // 0: off
  EntropyTemperature token_temperature;
  bool truncates() const { return temperature == 0 || top_k > 0 || top_p < 1 || min_p > 0; }
  // Tokens are not drawn from softmax(z / T): sampler_logp is recorded beside logp.
  bool departs() const { return truncates() || token_temperature.tau != 0; }
  // The temperature that log-probs and entropy are taken at, in sampling and in training.
  float score_temperature() const { return temperature == 0 ? 1.0f : temperature; }
};

struct Draw {
  int32_t token = 0;
  float logp = 0, entropy = 0;  // of softmax(z / T), untruncated: what training computes
  float sampler_logp = 0;  // of the distribution that was drawn from (equals logp unless departs())
};

// uniform in [0, 1). The draw walks the cumulative sum of ExpF(z_i - max) in id order with fp64
// sums. Filters in the order top-k, top-p, min-p, as vLLM and Hugging Face do (each on the
// renormalised rest of the one before). scratch is reused between calls.
Draw SampleToken(std::span<const float> logits, const SamplingOptions& options, double uniform,
                 std::vector<float>* scratch);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_SAMPLER_H_
