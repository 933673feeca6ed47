#ifndef RLVR_OBJECTIVE_REGULARIZER_KL_COV_H_
#define RLVR_OBJECTIVE_REGULARIZER_KL_COV_H_
#include "objective/token_weight/covariance.h"

namespace rlvr {
// KL-Cov, arXiv:2505.22617, Eq. 13 and 14: the top share of the mini-batch's unmasked tokens by
// covariance of advantage and log-prob is held to the policy that sampled,
//   J_t -= beta |logp_t - logp_old_t|   for the max(1, floor(ratio n)) tokens with the largest cov_t
// and the loss of all tokens is r_t A_t without a clip, which the recipe chooses. The authors' code
// selects in the micro-batch. Differs from Clip-Cov in that the chosen tokens keep their gradient.
struct KlCov {
  static constexpr MethodInfo kInfo{
      "kl_cov", "2505.22617",
      "J_t -= beta |logp_t - logp_old_t| for the top share ratio of the tokens by cov_t"};
  static constexpr const char* kMetric = "actor/kl_cov_loss";
  static constexpr bool kWholeBatch = true;
  double ratio = 2e-3, beta = 1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("ratio", ratio, 0.0, 1.0);
    p("beta", beta, 0.0, 1000.0);
  }
  double coefficient() const { return -beta; }
  Field operator()(const TokenFields& f) const {
    const Column cov = TokenCovariance(f, f.adv.values(), f.mask);
    const Column top = TopMask(TokensBy(Scope::kBatch, f.rows), cov, f.mask, f.rows,
                               [&](int64_t n) { return n > 0 ? ShareOf(ratio, n) : 0; });
    return Where({top.begin(), top.end()}, Abs(f.logp - f.logp_old), f.Constant({0}));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_KL_COV_H_
