// Numbers of a stage that change over a run. In a recipe any number of reward_shaping, advantage,
// token_weight, policy_loss and regularizer may be a map instead:
//
//   coefficient: {schedule: cosine, from: 0, to: 1, steps: 200}       a function of the step
//   coefficient: {controller: adaptive_entropy, target: 0.2}          watches metrics, keeps state
//
// Schedules reach `to` after `steps` training steps (from step `begin`) and stay there.
//   linear       from + (to - from) u,  u = clip((step - begin) / steps, 0, 1)
//   cosine       from + (to - from) (1 - cos(pi u)) / 2
//   exponential  from (to / from)^u
//   piecewise    values[i] from step at[i] on; before at[0]: values[0]
#ifndef RLVR_OBJECTIVE_COEFFICIENT_H_
#define RLVR_OBJECTIVE_COEFFICIENT_H_
#include <map>
#include <string>

#include "base/config.h"
#include "objective/stage.h"

namespace rlvr {

// The node with every such map replaced by its number at this step (1 is the first). path: of the
// node in the recipe, "regularizer"; with the keys below it names a controller's state. Unknown
// names and keys throw Error at their line.
ConfigNode ResolveCoefficients(const ConfigNode& node, const std::string& path, int64_t step,
                               const RunState& state);

// After a step: every controller in the node sees the step's metrics.
void UpdateControllers(const ConfigNode& node, const std::string& path,
                       const std::map<std::string, double>& metrics, RunState* state);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_COEFFICIENT_H_
