#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "train/train.h"

namespace rlvr {
namespace {

struct RecipeArguments {
  std::string recipe;
  std::vector<std::string> overrides;
};

// RECIPE [key=value ...]
std::shared_ptr<RecipeArguments> AddRecipeArguments(CLI::App* command) {
  auto arguments = std::make_shared<RecipeArguments>();
  command->add_option("recipe", arguments->recipe, "A recipe's name (rlvr recipes) or YAML file")
      ->required();
  command->add_option(
      "overrides", arguments->overrides,
      "Values that replace the recipe's: update.lr=1e-4 rollout.group_size=8 seed=1");
  return arguments;
}

}  // namespace

void AddTrain(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(app, "train", "Train a model by reinforcement learning",
                                 "rlvr train dapo_gsm_micro trainer.steps=20 seed=1");
  auto arguments = AddRecipeArguments(command);
  command->callback(
      [=] { *action = [=] { Train(LoadRecipe(arguments->recipe, arguments->overrides)); }; });
}

void AddPretrain(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(app, "pretrain", "Train a model from nothing on generated text",
                                 "rlvr pretrain recipes/base_tiny.yaml");
  auto arguments = AddRecipeArguments(command);
  command->callback(
      [=] { *action = [=] { Pretrain(LoadRecipe(arguments->recipe, arguments->overrides)); }; });
}

void AddSft(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "sft", "Train on prompt/response JSONL, loss on the response only",
                 "rlvr sft recipes/sft.yaml data.train=dialogues.jsonl");
  auto arguments = AddRecipeArguments(command);
  command->callback(
      [=] { *action = [=] { Sft(LoadRecipe(arguments->recipe, arguments->overrides)); }; });
}

void AddResume(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(app, "resume", "Go on with a run that was stopped, bit for bit",
                                 "rlvr resume runs/dapo_gsm_micro");
  auto run = std::make_shared<std::string>();
  command->add_option("run", *run, "The run's folder")->required();
  command->callback([=] { *action = [=] { Resume(*run); }; });
}

}  // namespace rlvr
