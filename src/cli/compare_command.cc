#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "report/comparison_report.h"
#include "train/comparison.h"
#include "train/comparison_runner.h"

namespace rlvr {
namespace {

struct CompareArguments {
  ComparisonRequest request;
  int jobs = 1;
  std::string only;
};

// Of the process that does one run.
std::vector<std::string> OneRun(const CompareArguments& a, const ComparedRun& run, int threads) {
  const ComparisonRequest& r = a.request;
  std::vector<std::string> arguments = {"compare"};
  arguments.insert(arguments.end(), r.recipes.begin(), r.recipes.end());
  for (const auto& [option, value] :
       {std::pair<std::string, std::string>{"--seeds", fmt::format("{}", r.num_seeds)},
        {"--steps", fmt::format("{}", r.steps)},
        {"--output", r.output},
        {"--threads", fmt::format("{}", threads)},
        {"--only", fmt::format("{}/seed_{}", run.label, run.seed)}}) {
    arguments.push_back(option);
    arguments.push_back(value);
  }
  if (!r.name.empty()) arguments.push_back("--name=" + r.name);
  for (const std::string& item : r.overrides) arguments.push_back("--set=" + item);
  return arguments;
}

void RunOnly(const Comparison& plan, const std::string& only) {
  for (const ComparedRun& run : plan.runs) {
    if (fmt::format("{}/seed_{}", run.label, run.seed) != only) continue;
    return RunCompared(run, NumThreads());
  }
  throw Error("--only " + only, "is no run of this comparison",
              fmt::format("the first is {}/seed_{}", plan.labels[0], plan.seeds[0]));
}

void Compare(const CompareArguments& a) {
  const Comparison plan = PlanComparison(a.request);
  if (!a.only.empty()) return RunOnly(plan, a.only);
  for (const std::string& note : plan.notes) fmt::print(stderr, "note: {}\n", note);
  RunComparison(plan, {.jobs = a.jobs,
                       .threads = NumThreads(),
                       .arguments = [&](const ComparedRun& run, int threads) {
                         return OneRun(a, run, threads);
                       }});
  const ComparisonResult result = ReadComparison({.name = plan.name,
                                                  .folder = plan.folder,
                                                  .recipes = plan.labels,
                                                  .seeds = plan.seeds,
                                                  .notes = plan.notes});
  fmt::print("{}", ComparisonText(result));
  fmt::print("{}\n", WriteComparison(result));
}

}  // namespace

void AddCompare(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "compare", "Train recipes side by side on common random numbers; paired intervals",
      "rlvr compare quickstart gspo --seeds 3 --jobs 2 --set eval.every=4");
  auto a = std::make_shared<CompareArguments>();
  command
      ->add_option("recipes", a->request.recipes,
                   "Recipes' names or YAML files, the baseline first")
      ->required();
  command->add_option("--seeds", a->request.num_seeds, "Runs of each recipe")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--steps", a->request.steps,
                   "Training steps of every run; 0 is the recipes' own")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->capture_default_str();
  command->add_option("--set", a->request.overrides, "Values for all recipes: update.lr=1e-4")
      ->allow_extra_args();
  command->add_option("--name", a->request.name,
                      "Of the folder OUTPUT/compare_NAME; by default A_vs_B");
  command->add_option("--output", a->request.output, "The folder above it")->capture_default_str();
  command->add_option("--jobs", a->jobs, "Runs at a time; they share the threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--only", a->only,
                      "Do this run (RECIPE/seed_S) alone, in this process, without a result");
  command->callback([=] { *action = [=] { Compare(*a); }; });
}

}  // namespace rlvr
