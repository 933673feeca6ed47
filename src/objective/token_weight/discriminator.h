#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// What Clip_B and Clip_V share, arXiv:2602.03392: S = p (H + log p) says how raising a token's
// logit by eps changes the entropy, dH = -eps S; a policy gradient step changes it by about -A (S -
// E S). Masks the unmasked tokens with A_t < 0 and z_t < -mu sigma, sigma the population's
// deviation of z over the scope: those whose pushing down would lower the entropy most.
inline void MaskLowering(const TokenFields& f, const Grouping& by, const Column& z, double mu,
                         TokenWeights* w) {
  const Column sigma = Std(by, z, w->mask, 0);
  double masked = 0, tokens = 0;
  for (size_t t = 0; t < z.size(); ++t) {
    tokens += w->mask[t];
    if (w->mask[t] == 0 || w->adv[t] >= 0 || z[t] >= -mu * sigma[t]) continue;
    w->mask[t] = 0;
    ++masked;
  }
  f.metrics->push_back({"token_weight/entropy_lowering", masked, tokens});
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_DISCRIMINATOR_H_
