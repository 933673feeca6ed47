// Recipes in plain text: `rlvr explain RECIPE` and the table of `rlvr recipes`.
#ifndef RLVR_TRAIN_EXPLAIN_RECIPE_H_
#define RLVR_TRAIN_EXPLAIN_RECIPE_H_
#include <string>
#include <vector>

#include "train/recipe.h"

namespace rlvr {

struct RecipeSummary {
  std::string name;
  std::string what;                  // the file's first comment line
  std::string arxiv;                 // "2503.14476", the first in `what`; "" if there is none
  std::string base;                  // the recipe it extends, or ""
  std::vector<std::string> changes;  // stages that its base has otherwise
  std::vector<std::string> needs;    // "reference", "critic", "sum_p2", "replay" ...
  // Where the formulas are from: "paper", "code" (an implementation, no paper), "reconstruction"
  // (by this project, from a paper that leaves some open), "ours".
  std::string status;
};
RecipeSummary Summarize(const std::string& recipe);
// Name, year, base, stages, needs and status of all there are, in 120 columns.
std::string RecipeTable();

// Every stage with the numbers that the recipe gives it, its formula, and what DAPO's recipe has.
std::string ExplainRecipe(const std::string& recipe);

// A method, else a recipe; Error with the nearest names.
std::string Explain(const std::string& name);

}  // namespace rlvr
#endif  // RLVR_TRAIN_EXPLAIN_RECIPE_H_
