#ifndef RLVR_OBJECTIVE_CONTROLLER_FIRST_VALUE_H_
#define RLVR_OBJECTIVE_CONTROLLER_FIRST_VALUE_H_
#include "objective/controller/controller.h"

namespace rlvr {
// An anchor: the metric of the first step, kept; `init` during that step. SIREN, arXiv:2509.25133.
struct FirstValue {
  static constexpr MethodInfo kInfo{"first_value", "2509.25133",
                                    "init in the first step, then that step's metric for good"};
  double init = -1;
  std::string metric = "actor/entropy";
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, -1e6, 1e6);
    p("metric", metric, {"actor/entropy", "actor/peak_entropy"});
  }
  double Initial() const { return init; }
  double Next(double, const StepMetrics& m, std::vector<double>* memory) const {
    if (memory->empty()) memory->push_back(m.Get(metric));
    return (*memory)[0];
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_FIRST_VALUE_H_
