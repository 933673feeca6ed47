#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
#include "objective/token_weight/discriminator.h"

namespace rlvr {
// Clip_V, arXiv:2602.03392: as Clip_B, but S_t is centred at its own state, by the expectation over
// the vocabulary under the policy that sampled,
//   z_t = S_t - E_pi S,  E_pi S = sum_i p_i p_i (H + log p_i) = H sum p^2 + sum p^2 log p
// and sigma, as in the released code, is z's deviation about its mean while the bound is about 0.
// max_share caps the masked tokens; mu and max_share are the code's defaults. The code's mask also
// takes tokens with A_t = 0 where the cap does not bind; those only change a denominator, here they
// stay.
struct ClipV {
  static constexpr MethodInfo kInfo{
      "clip_v", "2602.03392",
      "mask A_t < 0 with S_t - E_pi S < -mu std,  S_t = p_t (H_t + log p_t)"};
  static constexpr Statistic kSumP2{Statistic::Kind::kSumP2};
  static constexpr Statistic kSumP2Logp{Statistic::Kind::kSumP2Logp};
  double mu = 8.5, max_share = 1e-4;
  std::string scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("mu", mu, 0.0, 1e6);
    p("max_share", max_share, 0.0, 1.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {kSumP2, kSumP2Logp}}; }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column &logp = f.logp_old.values(), &H = f.entropy_old.values();
    const Column &sum_p2 = f.rows.Behaviour(ToString(kSumP2)),
                 &sum_p2_logp = f.rows.Behaviour(ToString(kSumP2Logp));
    Column z(logp.size());
    for (size_t t = 0; t < z.size(); ++t) {
      const double S = std::exp(logp[t]) * (H[t] + logp[t]);
      z[t] = S - (H[t] * sum_p2[t] + sum_p2_logp[t]);
    }
    MaskLowering(f, TokensBy(ParseScope(scope), f.rows), z, mu, max_share, w);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_CLIP_V_H_
