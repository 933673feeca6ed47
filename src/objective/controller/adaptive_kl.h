#ifndef RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_KL_H_
#define RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_KL_H_
#include <algorithm>

#include "objective/controller/controller.h"

namespace rlvr {
// Adaptive KL coefficient, arXiv:1909.08593, Sec. 2.2:
//   e = clip(KL / target - 1, -0.2, 0.2),  beta <- beta (1 + e n / horizon)
// n: what one step counts towards the horizon; verl counts the batch's responses.
struct AdaptiveKl {
  static constexpr MethodInfo kInfo{
      "adaptive_kl", "1909.08593",
      "beta <- beta (1 + clip(KL / target - 1, -0.2, 0.2) n / horizon)"};
  double init = 0.001, target = 0.1, horizon = 10000, n = 256;
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, 0.0, 1000.0);
    p("target", target, 1e-12, 1e6);
    p("horizon", horizon, 1.0, 1e12);
    p("n", n, 1.0, 1e12);
  }
  double Initial() const { return init; }
  double Next(double beta, const StepMetrics& m, std::vector<double>*) const {
    const double e = std::clamp(m.Get("actor/kl_loss") / target - 1, -0.2, 0.2);
    return beta * (1 + e * n / horizon);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_KL_H_
