#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_WEIGHTS_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_WEIGHTS_H_
#include <algorithm>
#include <cmath>
#include <vector>

#include "objective/stage.h"

namespace rlvr {
// What the weights of rollout_is and ais are made of. pi: the policy that this step's responses are
// attributed to (logp_old); mu: the distribution that they were drawn from (sampler_logp), the same
// but for rollout.quantization, top_k, top_p, min_p and token temperatures.
//   d_t = log pi_t - log mu_t
// Sums of d are held within +-20, as verl does, before they become weights.
inline std::vector<double> RolloutLogRatios(const Rows& rows) {  // [T]
  std::vector<double> d = rows.logp_old;
  const std::vector<double>& mu = rows.SamplerLogp();
  for (size_t t = 0; t < d.size(); ++t) d[t] -= mu[t];
  return d;
}
inline double RolloutWeight(double log_ratio) {
  return std::exp(std::clamp(log_ratio, -20.0, 20.0));
}

// The sum of d over each response's unmasked tokens [S]; and how many there are.
struct RowSums {
  std::vector<double> d, tokens;
};
inline RowSums SumOverRows(const Rows& rows, const std::vector<double>& d,
                           const std::vector<double>& mask) {
  RowSums sums{std::vector<double>(static_cast<size_t>(rows.num_rows())),
               std::vector<double>(static_cast<size_t>(rows.num_rows()))};
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      if (mask[t] == 0) continue;
      sums.d[s] += d[t];
      sums.tokens[s] += 1;
    }
  }
  return sums;
}

// (sum w)^2 / (n sum w^2) = 1 / (1 + (std / mean)^2), in (0, 1]; 1 for no weights.
struct WeightSpread {
  double n = 0, sum = 0, squares = 0;
  void Add(double w) {
    n += 1;
    sum += w;
    squares += w * w;
  }
  double effective_share() const { return n == 0 ? 1 : sum * sum / (n * squares); }
  double deviation_over_mean() const { return std::sqrt(std::max(0.0, 1 / effective_share() - 1)); }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_ROLLOUT_WEIGHTS_H_
