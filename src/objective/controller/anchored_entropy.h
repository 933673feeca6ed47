#ifndef RLVR_OBJECTIVE_CONTROLLER_ANCHORED_ENTROPY_H_
#define RLVR_OBJECTIVE_CONTROLLER_ANCHORED_ENTROPY_H_
#include <algorithm>

#include "objective/controller/controller.h"

namespace rlvr {
// Adaptive entropy coefficient of SIREN's comparison, in its code (arXiv:2509.25133): a step of size
// lr towards holding the entropy H of the first step,
//   alpha <- max(0, alpha + lr (H_first - H))
// It differs from adaptive_entropy in that it moves in proportion and is never switched off. The
// code moves after every micro-batch, here after every step. memory: H_first.
struct AnchoredEntropy {
  static constexpr MethodInfo kInfo{"anchored_entropy", "2509.25133",
                                    "alpha <- max(0, alpha + lr (H of the first step - H))"};
  double init = 0, lr = 1e-3;
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, 0.0, 10.0);
    p("lr", lr, 0.0, 10.0);
  }
  double Initial() const { return init; }
  double Next(double alpha, const StepMetrics& m, std::vector<double>* memory) const {
    const double H = m.Get("actor/entropy");
    if (memory->empty()) memory->push_back(H);
    return std::max(0.0, alpha + lr * ((*memory)[0] - H));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_ANCHORED_ENTROPY_H_
