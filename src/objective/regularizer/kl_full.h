#ifndef RLVR_OBJECTIVE_REGULARIZER_KL_FULL_H_
#define RLVR_OBJECTIVE_REGULARIZER_KL_FULL_H_
#include "objective/method.h"

namespace rlvr {
// KL to the reference policy q over the whole vocabulary, not estimated from the sampled token,
// subtracted: J_t -= beta D_t.
//   to_reference    D(pi || q), the KL of RLHF's objective; in distillation from a teacher q the
//                   reverse KL
//   from_reference  D(q || pi), distillation's forward KL
// Its gradient has no sampling noise of the token; what is left is that of the states. On the
// policy's own samples with a teacher as reference: on-policy distillation, GKD, arXiv:2306.13649,
// with lambda = 1. The rows of logits of both models exist a chunk at a time, never all.
struct KlFull {
  static constexpr MethodInfo kInfo{"kl_full", "2306.13649",
                                    "J_t -= beta sum_v pi_v (log pi_v - log ref_v)"};
  static constexpr const char* kMetric = "actor/kl_full";
  double beta = 0.04;
  std::string direction = "to_reference";
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1000.0);
    p("direction", direction, {"to_reference", "from_reference"});
  }
  Statistic divergence() const {
    return {direction == "to_reference" ? Statistic::Kind::kKlToReference
                                        : Statistic::Kind::kKlFromReference};
  }
  Needs needs() const { return {.statistics = {divergence()}}; }
  double coefficient() const { return -beta; }
  Field operator()(const TokenFields& f) const { return f.Get(divergence()); }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_KL_FULL_H_
