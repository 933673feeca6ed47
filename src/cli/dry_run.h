// What a recipe would do: resolved values, data, model and an estimate of memory, without doing it.
#ifndef RLVR_CLI_DRY_RUN_H_
#define RLVR_CLI_DRY_RUN_H_
#include "train/recipe.h"

namespace rlvr {

// Prints the resolved recipe as YAML, the rest as comments: the output is a recipe again. Opens the
// data and the model's config.json, so that a wrong name is an Error.
void PrintDryRun(const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_CLI_DRY_RUN_H_
