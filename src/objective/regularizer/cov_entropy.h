#ifndef RLVR_OBJECTIVE_REGULARIZER_COV_ENTROPY_H_
#define RLVR_OBJECTIVE_REGULARIZER_COV_ENTROPY_H_
#include "objective/loss_stage.h"

namespace rlvr {
// Entropy bonus shared out by covariance: TEA-RL of Light-IF, arXiv:2508.03178, as its code has it,
//   J_t += clip(alpha softmax_response(cov_t), 0, ub) H_t,
//   cov_t = (A_t - mean A) (logp_t - sg(mean logp))
// with the means over the mini-batch (the code's: micro-batch) and the softmax over the response's
// unmasked tokens. The gradient also flows through cov_t's log-prob, unlike Clip-Cov's and KL-Cov's
// choices. coefficient multiplies all of it; the paper has 1.
struct CovEntropy {
  static constexpr MethodInfo kInfo{
      "cov_entropy", "2508.03178",
      "J_t += clip(alpha softmax_response((A_t - mean A) (logp_t - mean logp)), 0, ub) H_t"};
  static constexpr const char* kMetric = "actor/cov_entropy";
  static constexpr bool kWholeBatch = true;
  double weight = 1, alpha = 10, ub = 5;
  template <class Visitor>
  void Params(Visitor& p) {
    p("coefficient", weight, 0.0, 10.0);
    p("alpha", alpha, 0.0, 1e6);
    p("ub", ub, 0.0, 1e6);
  }
  double coefficient() const { return weight; }
  Field operator()(const TokenFields& f) const {
    const Grouping all = TokensBy(Scope::kBatch, f.rows);
    const Column &A = f.adv.values(), mean_adv = Mean(all, A, f.mask);
    Column centred(A.size());
    for (size_t t = 0; t < A.size(); ++t) centred[t] = A[t] - mean_adv[t];
    const Field cov =
        f.Constant(centred) * (f.logp - f.Constant(Mean(all, f.logp.values(), f.mask)));
    const Field shown = Where({f.mask.begin(), f.mask.end()}, cov, f.Constant({-1e30}));
    const Field share = Exp(shown - f.Spread(SegmentLogSumExp(shown, f.rows.begin)));
    return Clip(alpha * share, 0, ub) * f.entropy;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_COV_ENTROPY_H_
