#ifndef RLVR_OBJECTIVE_REGULARIZER_TEA_ENTROPY_H_
#define RLVR_OBJECTIVE_REGULARIZER_TEA_ENTROPY_H_
#include "objective/loss_stage.h"

namespace rlvr {
// The token-wise entropy bonus of TEA-RL (Light-IF), arXiv:2508.03178: most where a policy gradient
// step lowers the entropy most, by Clip-Cov's covariance.
//   J_t += coefficient c_t H_t,   c_t = clip(scale softmax_t(cov), 0, max), softmax over a response
//   cov_t = (A_t - mean A) (logp_t - mean logp), means over the mini-batch's counted tokens
// As in the released function the gradient flows through H_t and, through cov, through logp.
// `detach` holds c_t constant. The softmax makes c_t about scale / L_i: long responses have less.
struct TeaEntropy {
  static constexpr MethodInfo kInfo{
      "tea_entropy", "2508.03178",
      "J_t += coefficient clip(scale softmax(cov)_t, 0, max) H_t, cov_t = (A_t - mean) (logp_t - "
      "mean)"};
  static constexpr const char* kMetric = "actor/tea_entropy";
  static constexpr bool kWholeBatch = true;  // cov has means over the mini-batch
  double weight = 1, scale = 10, max = 5;
  bool detach = false;
  template <class Visitor>
  void Params(Visitor& p) {
    p("coefficient", weight, -10.0, 10.0);
    p("scale", scale, 0.0, 1e6);
    p("max", max, 0.0, 1e6);
    p("detach", detach);
  }
  double coefficient() const { return weight; }
  Field operator()(const TokenFields& f) const {
    const std::vector<char> counted(f.mask.begin(), f.mask.end());
    const Field cov = Centred(f, f.adv) * Centred(f, f.logp);
    // exp(-1e6) is 0: masked tokens have no share.
    const Field shown = Where(counted, cov, f.Constant(Column(f.mask.size(), -1e6)));
    const Field share = Exp(shown - Broadcast(SegmentLogSumExp(shown, f.rows.begin), f.rows.begin));
    const Field c = Clip(share * scale, 0, max);
    return (detach ? StopGradient(c) : c) * f.entropy;
  }

 private:
  // x minus its mean over counted tokens. Sums are order-free both ways, so that the gradient has the
  // same bits whatever the order of a batch.
  static Field Centred(const TokenFields& f, const Field& x) {
    const Column& mask = f.mask;
    Column shown;
    for (size_t t = 0; t < mask.size(); ++t) {
      if (mask[t] != 0) shown.push_back(x.values()[t]);
    }
    const double mean = MeanOf(shown);
    const auto n = static_cast<double>(shown.size());
    Column values = x.values();
    for (double& v : values) v -= mean;
    return x.tape()->Record(
        std::move(values), {x},
        [mask, n](const std::vector<double>& g, std::vector<std::vector<double>*>& in) {
          const double of_mean = n > 0 ? OrderFreeSum(g) / n : 0;
          for (size_t t = 0; t < g.size(); ++t) (*in[0])[t] += g[t] - mask[t] * of_mean;
        });
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_TEA_ENTROPY_H_
