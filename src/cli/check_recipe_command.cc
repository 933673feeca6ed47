#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "base/error.h"
#include "cli/command.h"
#include "train/recipe_check.h"

namespace rlvr {

namespace {

bool Check(const std::string& name, const std::vector<std::string>& overrides) {
  const auto begin = std::chrono::steady_clock::now();
  const Recipe recipe = LoadRecipe(name, overrides);
  const auto properties = CheckRecipe(recipe);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  if (properties.empty()) {
    fmt::print("{}: kind {} has no objective, nothing to check\n", name, recipe.kind);
    return true;
  }
  fmt::print("{} ({:.1f} s)\n", name, seconds.count());
  bool pass = true;
  for (const auto& p : properties) {
    fmt::print("  {}  {:13} largest deviation {:<8.2g} {:16} {}\n", p.pass ? "pass" : "FAIL",
               p.name, p.deviation,
               p.bound == 0 ? "(0 is asked for)" : fmt::format("(bound {:g})", p.bound), p.what);
    pass = pass && p.pass;
  }
  return pass;
}

}  // namespace

void AddCheckRecipe(CLI::App& check, Action* action) {
  struct Arguments {
    std::vector<std::string> words;  // recipes and key=value
    bool all = false;
  };
  CLI::App* command = Subcommand(
      check, "recipe",
      "A recipe's objective on a small random batch: gradients against central differences, the "
      "same bits in any order, split, micro-batch and number of threads",
      "rlvr check recipe dapo grpo my_recipe.yaml");
  auto a = std::make_shared<Arguments>();
  command->add_option("recipes", a->words,
                      "Names (rlvr recipes) or YAML files; key=value changes them, as in train");
  command->add_flag("--all", a->all, "Every recipe there is");
  command->callback([=] {
    *action = [=] {
      std::vector<std::string> recipes;
      // Papers' recipes leave the model to the user; the check has its own.
      std::vector<std::string> overrides = {"model=base_tiny"};
      for (const std::string& word : a->words)
        (word.find('=') == std::string::npos ? recipes : overrides).push_back(word);
      if (a->all) {
        if (!recipes.empty()) throw Error("check recipe", "names and --all", "give one of them");
        for (const auto& [name, description] : ListRecipes()) recipes.push_back(name);
      }
      if (recipes.empty()) throw Error("check recipe", "no recipe is given", "name some, or --all");
      std::vector<std::string> failed;
      for (const std::string& name : recipes) {
        bool pass = false;
        try {
          pass = Check(name, overrides);
        } catch (const Error& e) {  // of many, the others are checked all the same
          if (recipes.size() == 1) throw;
          fmt::print("{}\n  FAIL  {}\n", name, e.what());
        }
        if (!pass) failed.push_back(name);
        std::fflush(stdout);
      }
      if (failed.empty()) return;
      throw Error(fmt::format("{}", fmt::join(failed, ", ")),
                  fmt::format("{} of {} recipes failed the check", failed.size(), recipes.size()),
                  "the lines marked FAIL say which promise is broken and where");
    };
  });
}

}  // namespace rlvr
