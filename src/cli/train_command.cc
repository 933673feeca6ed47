#include <fmt/format.h>

#include <memory>

#include "base/progress.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/run_summary.h"
#include "parallel/mpi.h"
#include "train/run_folder.h"
#include "train/train.h"

namespace rlvr {
namespace {

void PrintSummary(const std::string& run_folder) {
  if (World().first()) fmt::print("{}", RunSummary(run_folder, StdoutIsTerminal()));
}

// A command that takes RECIPE [key=value ...] and runs it.
void AddRecipeCommand(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example, void (*run)(const Recipe&), Action* action) {
  struct Arguments {
    std::string recipe;
    std::vector<std::string> overrides;
    bool dry_run = false;
  };
  CLI::App* command = Subcommand(app, name, description, example);
  auto arguments = std::make_shared<Arguments>();
  command->add_option("recipe", arguments->recipe, "A recipe's name (rlvr recipes) or YAML file")
      ->required();
  command->add_option(
      "overrides", arguments->overrides,
      "Values that replace the recipe's: update.lr=1e-4 rollout.group_size=8 seed=1");
  command->add_flag("--dry-run", arguments->dry_run,
                    "Check and print the resolved recipe, the data and an estimate of memory");
  const CLI::Option* threads = app.get_option("--threads");
  command->callback([=] {
    *action = [=] {
      std::vector<std::string> overrides = arguments->overrides;
      if (threads->count() > 0) overrides.push_back("threads=" + threads->as<std::string>());
      const Recipe recipe = LoadRecipe(arguments->recipe, overrides);
      if (arguments->dry_run) {
        if (World().first()) PrintDryRun(recipe);
        return;
      }
      run(recipe);
      PrintSummary(RunFolder(recipe));
    };
  });
}

}  // namespace

void AddTrain(CLI::App& app, Action* action) {
  AddRecipeCommand(app, "train", "Train a model by reinforcement learning",
                   "rlvr train quickstart trainer.steps=20 update.lr=1e-4", Train, action);
}

void AddPretrain(CLI::App& app, Action* action) {
  AddRecipeCommand(app, "pretrain", "Train a model from nothing on generated text",
                   "rlvr pretrain base_tiny trainer.steps=100", Pretrain, action);
}

void AddSft(CLI::App& app, Action* action) {
  AddRecipeCommand(app, "sft", "Train on prompt/response JSONL, loss on the response only",
                   "echo '{\"prompt\": \"Tom has 3 pens. How many?\", \"response\": \"Answer: 3\"}'"
                   " > pairs.jsonl\n  rlvr sft sft supervised.text=pairs.jsonl",
                   Sft, action);
}

void AddResume(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(app, "resume", "Go on with a run that was stopped, bit for bit",
                                 "rlvr resume runs/quickstart");
  auto run = std::make_shared<std::string>();
  auto options = std::make_shared<ResumeOptions>();
  command->add_option("run", *run, "The run's folder")->required();
  command->add_flag("--other-isa", options->other_isa,
                    "Go on although the run was begun with another instruction set, whose bf16 "
                    "products round differently: from here on bits may differ");
  command->callback([=] {
    *action = [=] {
      Resume(*run, *options);
      PrintSummary(*run);
    };
  });
}

}  // namespace rlvr
