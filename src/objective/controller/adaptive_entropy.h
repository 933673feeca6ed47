#ifndef RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_ENTROPY_H_
#define RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_ENTROPY_H_
#include <algorithm>

#include "objective/controller/controller.h"

namespace rlvr {
// Adaptive entropy control, Skywork-OR1, arXiv:2505.22312, Sec. 4.4: with H the batch's mean
// entropy,
//   alpha <- clip(alpha + delta if H < target else alpha - delta, low, high)
// and the bonus is applied only while H < target. memory[0] is alpha; the value is what applies.
struct AdaptiveEntropy {
  static constexpr MethodInfo kInfo{"adaptive_entropy", "2505.22312",
                                    "alpha <- clip(alpha +- delta, low, high) as H is below or "
                                    "above target; 0 while H >= target"};
  double init = 0, target = 0.2, delta = 1e-4, low = 0, high = 5e-3;
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, 0.0, 10.0);
    p("target", target, 0.0, 100.0);
    p("delta", delta, 0.0, 10.0);
    p("low", low, 0.0, 10.0);
    p("high", high, 0.0, 10.0);
  }
  double Initial() const { return init; }
  double Next(double, const StepMetrics& m, std::vector<double>* memory) const {
    if (memory->empty()) memory->push_back(init);
    const double H = m.Get("actor/entropy");
    double& alpha = (*memory)[0];
    alpha = std::clamp(alpha + (H < target ? delta : -delta), low, high);
    return H < target ? alpha : 0;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_ADAPTIVE_ENTROPY_H_
