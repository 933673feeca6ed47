#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
#include "objective/token_weight/discriminator.h"

namespace rlvr {
// Clip_V, arXiv:2602.03392 (reconstruction: its code is not published): as Clip_B, but S_t is
// centred at its own state by the policy's expectation over the vocabulary,
//   z_t = S_t - E_pi S,  E_pi S = sum_i p_i p_i (H + log p_i) = H sum p^2 + sum p^2 log p
// of the policy being trained.
struct ClipV {
  static constexpr MethodInfo kInfo{
      "clip_v", "2602.03392",
      "mask A_t < 0 with S_t - E_pi S < -mu std,  S_t = p_t (H_t + log p_t); a reconstruction"};
  static constexpr Statistic kSumP2{Statistic::Kind::kSumP2};
  static constexpr Statistic kSumP2Logp{Statistic::Kind::kSumP2Logp};
  double mu = 2.5;
  std::string scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("mu", mu, 0.0, 1e6);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  Needs needs() const { return {.statistics = {kSumP2, kSumP2Logp}, .behaviour = {}}; }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column &logp = f.logp.values(), &H = f.entropy.values();
    const Column &sum_p2 = f.Get(kSumP2).values(), &sum_p2_logp = f.Get(kSumP2Logp).values();
    Column z(logp.size());
    for (size_t t = 0; t < z.size(); ++t) {
      const double S = std::exp(logp[t]) * (H[t] + logp[t]);
      z[t] = S - (H[t] * sum_p2[t] + sum_p2_logp[t]);
    }
    MaskLowering(f, TokensBy(ParseScope(scope), f.rows), z, mu, w);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
