#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_B_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_B_H_
#include "objective/token_weight/discriminator.h"

namespace rlvr {
// Clip_B, arXiv:2602.03392, as its code has it: z_t = S_t - mean S over the scope, S of the policy
// that sampled. The code's scope is the rollout batch, here at most the mini-batch. Masked tokens
// leave the denominators too.
struct ClipB {
  static constexpr MethodInfo kInfo{
      "clip_b", "2602.03392",
      "mask A_t < 0 with S_t - mean S < -mu std S,  S_t = p_t (H_t + log p_t)"};
  double mu = 2.5;
  std::string scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("mu", mu, 0.0, 1e6);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column &logp = f.logp_old.values(), &H = f.entropy_old.values();
    Column z(logp.size());
    for (size_t t = 0; t < z.size(); ++t) z[t] = std::exp(logp[t]) * (H[t] + logp[t]);
    const Grouping by = TokensBy(ParseScope(scope), f.rows);
    const Column mean = Mean(by, z, w->mask);
    for (size_t t = 0; t < z.size(); ++t) z[t] -= mean[t];
    MaskLowering(f, by, z, mu, 1, w);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_B_H_
