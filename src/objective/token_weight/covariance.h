#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_COVARIANCE_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_COVARIANCE_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// cov_t = (A_t - mean A) (logp_t - mean logp) over the unmasked tokens of the mini-batch: the first
// order of the change of entropy under a policy gradient step, arXiv:2505.22617, Eq. 8 and 10.
inline Column TokenCovariance(const TokenFields& f, const Column& adv, const Column& mask) {
  const Grouping all = TokensBy(Scope::kBatch, f.rows);
  const Column& logp = f.logp.values();
  const Column mean_adv = Mean(all, adv, mask), mean_logp = Mean(all, logp, mask);
  Column cov(adv.size());
  for (size_t t = 0; t < cov.size(); ++t)
    cov[t] = (adv[t] - mean_adv[t]) * (logp[t] - mean_logp[t]);
  return cov;
}

// max(1, floor(share n)): 0.29 * 100 is 29, not 28 and a rounding error.
inline int64_t ShareOf(double share, int64_t n) {
  return std::max<int64_t>(1,
                           static_cast<int64_t>(std::floor(share * static_cast<double>(n) + 1e-9)));
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_COVARIANCE_H_
