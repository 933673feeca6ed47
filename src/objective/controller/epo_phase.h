#ifndef RLVR_OBJECTIVE_CONTROLLER_EPO_PHASE_H_
#define RLVR_OBJECTIVE_CONTROLLER_EPO_PHASE_H_
#include <cmath>

#include "objective/controller/controller.h"

namespace rlvr {
// EPO's weight of the smoothing penalty over a run, arXiv:2509.22576, as its code has it: with e
// steps done of E and half = floor(E / 2),
//   1 - 0.2 (1 - exp(-2 e / half))           e <= half
//   0.8 exp(-3 (e - half) / (E - half))      after, at most E
// It jumps at the half, from 0.827 to below 0.8. memory: e.
struct EpoPhase {
  static constexpr MethodInfo kInfo{
      "epo_phase", "2509.22576",
      "falls from 1 to 0.83 over the first half of the steps, then from 0.8 to 0.04"};
  int64_t steps = 150;
  template <class Visitor>
  void Params(Visitor& p) {
    p("steps", steps, int64_t{2}, int64_t{1} << 40);
  }
  double At(double e) const {
    const auto E = static_cast<double>(steps), half = std::floor(E / 2);
    e = std::min(e, E);
    if (e <= half) return 1 - 0.2 * (1 - std::exp(-2 * e / half));
    return 0.8 * std::exp(-3 * (e - half) / (E - half));
  }
  double Initial() const { return At(0); }
  double Next(double, const StepMetrics&, std::vector<double>* memory) const {
    if (memory->empty()) memory->push_back(0);
    return At(++(*memory)[0]);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_EPO_PHASE_H_
