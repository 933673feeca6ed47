#ifndef RLVR_OBJECTIVE_CONTROLLER_LAST_VALUE_H_
#define RLVR_OBJECTIVE_CONTROLLER_LAST_VALUE_H_
#include "objective/controller/controller.h"

namespace rlvr {
// The value of a metric in the step before; `init` during the first. With it a method that has no
// memory smooths a number of its own over steps: ais, arXiv:2605.13907. memory: not used.
struct LastValue {
  static constexpr MethodInfo kInfo{"last_value", "2605.13907",
                                    "the metric's value in the step before"};
  double init = 0;
  std::string metric = "token_weight/ais_lambda";
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, -1e6, 1e6);
    p("metric", metric, {"token_weight/ais_lambda"});
  }
  double Initial() const { return init; }
  double Next(double, const StepMetrics& m, std::vector<double>*) const { return m.Get(metric); }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_LAST_VALUE_H_
