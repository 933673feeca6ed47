// The policy that a recipe trains.
#ifndef RLVR_TRAIN_TRAINED_POLICY_H_
#define RLVR_TRAIN_TRAINED_POLICY_H_
#include <string>

#include "eval/policy.h"
#include "train/recipe.h"

namespace rlvr {

// From `folder`, with fresh adapters where the recipe has lora and a sampler of its own where it
// quantises rollouts.
Policy LoadTrained(const Recipe& recipe, const std::string& folder);

}  // namespace rlvr
#endif  // RLVR_TRAIN_TRAINED_POLICY_H_
