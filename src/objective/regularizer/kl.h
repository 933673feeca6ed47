#ifndef RLVR_OBJECTIVE_REGULARIZER_KL_H_
#define RLVR_OBJECTIVE_REGULARIZER_KL_H_
#include "objective/loss_stage.h"

namespace rlvr {
// KL to the reference policy from sampled tokens, subtracted: J_t -= beta k_t,
// with d = logp - logp_ref:
//   k1 = d,  abs = |d|,  k2 = d^2 / 2
//   k3 = exp(-d) + d - 1   (GRPO's, arXiv:2402.03300, Eq. 4; unbiased and never negative)
// k3's value is unbiased, its gradient is not: k2's is the KL's own on tokens that the policy
// sampled. gradient `k2` has any kind's value and k2's gradient (verl's kinds that end in +). clamp
// keeps k3 finite as verl's low_var_kl: -d in [-20, 20], k3 at most 10, no gradient beyond. The
// same difference can be taken from rewards instead: reward_shaping kl_penalty.
struct Kl {
  static constexpr MethodInfo kInfo{"kl", "2402.03300", "J_t -= beta k(logp_t - logp_ref_t)"};
  static constexpr const char* kMetric = "actor/kl_loss";
  double beta = 0.04;
  std::string kind = "k3", gradient = "own";
  bool clamp = false;
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1000.0);
    p("kind", kind, {"k1", "abs", "k2", "k3"});
    p("gradient", gradient, {"own", "k2"});
    p("clamp", clamp);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {}, .reference = true}; }
  double coefficient() const { return -beta; }
  Field Value(const Field& d) const {
    if (kind == "k1") return d;
    if (kind == "abs") return Abs(d);
    if (kind == "k2") return d * d / 2;
    if (!clamp) return Exp(-d) + d - 1;
    const Field e = Clip(d, -20, 20);
    return Clip(Exp(-e) + e - 1, -10, 10);
  }
  Field operator()(const TokenFields& f) const {
    const Field d = f.logp - f.logp_ref, k = Value(d);
    if (gradient == "own") return k;
    const Field k2 = d * d / 2;
    return StopGradient(k) + k2 - StopGradient(k2);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_KL_H_
