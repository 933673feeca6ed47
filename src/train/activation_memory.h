// update.activation_memory: how many bytes the passes of each model that trains may hold.
#ifndef RLVR_TRAIN_ACTIVATION_MEMORY_H_
#define RLVR_TRAIN_ACTIVATION_MEMORY_H_
#include <cstdint>
#include <string>

#include "model/activations.h"
#include "train/recipe.h"

namespace rlvr {

// Of a recipe that has been loaded.
ActivationBound BoundOf(const Recipe& recipe);

// Tokens of the largest tree: of kind rl a prompt with the longest responses, where what others say in
// a conversation and rows from elsewhere come besides; else what a step and an answer may have.
int64_t LongestTreeTokens(const Recipe& recipe);

// Throws Error naming the key, the bytes that are needed at least and what would help, unless the bound
// holds a pass over so many tokens. what: "a tree".
void CheckFits(const ModelConfig& config, const ActivationBound& bound, int64_t tokens,
               const std::string& what);
// Before a run: of the largest tree, where that is known. model: "the policy".
void CheckLongestTreeFits(const Recipe& recipe, const ModelConfig& config,
                          const std::string& model);

}  // namespace rlvr
#endif  // RLVR_TRAIN_ACTIVATION_MEMORY_H_
