#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
#include <cmath>

#include "objective/token_weight/covariance.h"

namespace rlvr {
// What Clip_B and Clip_V share, arXiv:2602.03392: S = p (H + log p) says how raising a token's
// logit by eps changes the entropy, dH = -eps S; a policy gradient step changes it by about
// -A (S - E S). Masks the unmasked tokens with A_t < 0 and z_t < -mu sigma, sigma the population's
// deviation of z over the scope: those whose pushing down would lower the entropy most. At most
// max(1, floor(max_share n)) of the mini-batch's n tokens, those with the lowest z.
inline void MaskLowering(const TokenFields& f, const Grouping& by, const Column& z, double mu,
                         double max_share, TokenWeights* w) {
  const Column sigma = Std(by, z, w->mask, 0);
  const size_t T = z.size();
  Column candidate(T), depth(T);
  double tokens = 0;
  for (size_t t = 0; t < T; ++t) {
    depth[t] = -z[t];
    candidate[t] = w->mask[t] != 0 && w->adv[t] < 0 && sigma[t] >= 1e-12 && z[t] < -mu * sigma[t];
    tokens += w->mask[t];
  }
  const int64_t most = ShareOf(max_share, static_cast<int64_t>(tokens));
  const Column chosen = TopMask(TokensBy(Scope::kBatch, f.rows), depth, candidate, f.rows,
                                [&](int64_t n) { return std::min(n, most); });
  double masked = 0;
  for (size_t t = 0; t < T; ++t) {
    if (chosen[t] == 0) continue;
    w->mask[t] = 0;
    ++masked;
  }
  f.metrics->push_back({"token_weight/entropy_lowering", masked, tokens});
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
