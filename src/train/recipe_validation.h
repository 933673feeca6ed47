// How the keys of a recipe go together.
#ifndef RLVR_TRAIN_RECIPE_VALIDATION_H_
#define RLVR_TRAIN_RECIPE_VALIDATION_H_
#include <string>

#include "base/config.h"
#include "train/recipe.h"

namespace rlvr {

// Throws Error at the section's place in `root`, the recipe as given.
void CheckTogether(const Recipe& recipe, const ConfigNode& root);

// "recipes/dapo.yaml:12" of a section.
std::string PlaceOf(const ConfigNode& root, const std::string& key);

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_VALIDATION_H_
