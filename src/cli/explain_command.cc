#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "train/explain_recipe.h"

namespace rlvr {

void AddExplain(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "explain", "A method's formula, parameters and source, or the stages of a recipe",
      "rlvr explain decoupled_clip");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "A method (docs/methods.md) or a recipe (rlvr recipes)")
      ->required();
  command->callback([=] { *action = [=] { fmt::print("{}", Explain(*name)); }; });
}

void AddRecipes(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "recipes", "The recipes there are: year, base, stages they change, needs, status",
      "rlvr recipes");
  command->callback([=] { *action = [] { fmt::print("{}", RecipeTable()); }; });
}

}  // namespace rlvr
