#ifndef RLVR_OBJECTIVE_CONTROLLER_RUNNING_MEAN_H_
#define RLVR_OBJECTIVE_CONTROLLER_RUNNING_MEAN_H_
#include "objective/controller/controller.h"

namespace rlvr {
// The mean of a metric over all steps before; `init` during the first. EPO's history of entropies,
// arXiv:2509.22576. memory: number of steps, mean.
struct RunningMean {
  static constexpr MethodInfo kInfo{"running_mean", "2509.22576",
                                    "mean of the metric over the steps before"};
  double init = 0;
  std::string metric = "actor/entropy";
  template <class Visitor>
  void Params(Visitor& p) {
    p("init", init, -1e6, 1e6);
    p("metric", metric, {"actor/entropy", "actor/peak_entropy"});
  }
  double Initial() const { return init; }
  double Next(double, const StepMetrics& m, std::vector<double>* memory) const {
    if (memory->empty()) memory->assign(2, 0.0);
    double &n = (*memory)[0], &mean = (*memory)[1];
    n += 1;
    mean += (m.Get(metric) - mean) / n;
    return mean;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_CONTROLLER_RUNNING_MEAN_H_
