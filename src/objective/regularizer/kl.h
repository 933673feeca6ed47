#ifndef RLVR_OBJECTIVE_REGULARIZER_KL_H_
#define RLVR_OBJECTIVE_REGULARIZER_KL_H_
#include "objective/loss_stage.h"

namespace rlvr {
// KL to the reference policy from sampled tokens, subtracted: J_t -= beta k_t, with d = logp -
// logp_ref:
//   k1 = d,  k2 = d^2 / 2,  k3 = exp(-d) + d - 1 (GRPO's, arXiv:2402.03300, Eq. 4; unbiased and
//   never negative).
struct Kl {
  static constexpr MethodInfo kInfo{"kl", "2402.03300", "J_t -= beta k(logp_t - logp_ref_t)"};
  static constexpr const char* kMetric = "actor/kl_loss";
  double beta = 0.04;
  std::string kind = "k3";
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1000.0);
    p("kind", kind, {"k1", "k2", "k3"});
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {}, .reference = true}; }
  double coefficient() const { return -beta; }
  Field operator()(const TokenFields& f) const {
    const Field d = f.logp - f.logp_ref;
    if (kind == "k1") return d;
    if (kind == "k2") return d * d / 2;
    return Exp(-d) + d - 1;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_KL_H_
