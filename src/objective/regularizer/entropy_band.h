#ifndef RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BAND_H_
#define RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BAND_H_
#include "objective/loss_stage.h"

namespace rlvr {
// SPINE's entropy band, arXiv:2511.17938 (reconstruction: the abstract names a band at the forking
// tokens, its form and bounds are not public): entropies outside [l, u] are drawn back to it,
//   J_t -= beta (max(0, l - H_t) + max(0, H_t - u))
// l and u are the quantiles q_low and q_high of the scope's unmasked entropies, held constant, or
// numbers. With token_weight forking_tokens only those tokens are seen.
struct EntropyBand {
  static constexpr MethodInfo kInfo{
      "entropy_band", "2511.17938",
      "reconstruction: J_t -= beta (max(0, l - H_t) + max(0, H_t - u))"};
  static constexpr const char* kMetric = "actor/entropy_band_loss";
  static constexpr bool kWholeBatch = true;
  double beta = 0.01, q_low = 0.1, q_high = 0.9, low = 0, high = 0;
  std::string bounds = "quantiles", scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta", beta, 0.0, 1000.0);
    p("bounds", bounds, {"quantiles", "numbers"});
    p("q_low", q_low, 0.0, 1.0);
    p("q_high", q_high, 0.0, 1.0);
    p("low", low, 0.0, 1000.0);
    p("high", high, 0.0, 1000.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  double coefficient() const { return -beta; }
  Field operator()(const TokenFields& f) const {
    const Column& H = f.entropy.values();
    Column l(H.size(), low), u(H.size(), high);
    if (bounds == "quantiles") {
      const Grouping by = TokensBy(ParseScope(scope), f.rows);
      l = Quantile(by, H, f.mask, q_low);
      u = Quantile(by, H, f.mask, q_high);
    }
    const Field zero = f.Constant({0});
    return Max(zero, f.Constant(l) - f.entropy) + Max(zero, f.entropy - f.Constant(u));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_ENTROPY_BAND_H_
