// The controllers there are: one line each, sorted by name.
#include "objective/controller/adaptive_entropy.h"
#include "objective/controller/adaptive_kl.h"
#include "objective/controller/controller.h"

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
    l.AddAll<ControllerOf,  //
             AdaptiveEntropy, AdaptiveKl>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
