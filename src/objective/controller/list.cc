// The controllers there are: one line each, sorted by name.
#include "objective/controller/adaptive_entropy.h"
#include "objective/controller/adaptive_kl.h"
#include "objective/controller/anchored_entropy.h"
#include "objective/controller/controller.h"
#include "objective/controller/epo_phase.h"
#include "objective/controller/first_value.h"
#include "objective/controller/last_value.h"
#include "objective/controller/running_mean.h"
#include "objective/controller/safe_kl.h"

namespace rlvr {

double StepMetrics::Get(const std::string& name) const {
  const auto it = values_.find(name);
  if (it != values_.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [known, value] : values_) names.push_back(known);
  throw Error("controller", "no step has a metric '" + name + "'", DidYouMean(name, names));
}

const MethodList<Controller>& ControllerList() {
  static const auto list = [] {
    MethodList<Controller> l("controller");
    l.Add<AdaptiveEntropy, ControllerOf>();
    l.Add<AdaptiveKl, ControllerOf>();
    l.Add<AnchoredEntropy, ControllerOf>();
    l.Add<EpoPhase, ControllerOf>();
    l.Add<FirstValue, ControllerOf>();
    l.Add<LastValue, ControllerOf>();
    l.Add<RunningMean, ControllerOf>();
    l.Add<SafeKl, ControllerOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
