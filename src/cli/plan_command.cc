#include <fmt/format.h>

#include <memory>

#include "base/file.h"
#include "base/progress.h"
#include "base/size_text.h"
#include "base/thread_pool.h"
#include "bench/plan.h"
#include "cli/command.h"

namespace rlvr {
namespace {

struct PlanArguments {
  std::string recipe, json;
  std::vector<std::string> overrides;
  PlanOptions options;
};

// For the command line: the text becomes a number of bytes, or what is returned says what is wrong.
std::string ReadSize(std::string& text) {
  const auto bytes = ParseSize(text);
  if (!bytes) return "'" + text + "' is no size: write 8GiB or 500MiB";
  text = std::to_string(*bytes);
  return "";
}

void PrintPlan(const PlanArguments& a, const std::vector<std::string>& overrides) {
  const auto reload = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = overrides;
    all.insert(all.end(), more.begin(), more.end());
    return LoadRecipe(a.recipe, all);
  };
  const Recipe recipe = reload({});
  SetNumThreads(recipe.threads);
  Plan plan;
  {
    Progress progress("plan", 1000);
    plan = MakePlan(recipe, a.options, reload, [&](double share, const std::string& what) {
      progress.Update(static_cast<int64_t>(1000 * share), what);
    });
  }
  fmt::print("{}", PlanText(plan));
  if (!a.json.empty()) WriteFileAtomically(a.json, PlanJson(plan));
}

}  // namespace

void AddPlan(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "plan",
                 "What a recipe will take on this machine, memory and seconds a step, before it is "
                 "started",
                 "rlvr plan quickstart rollout.max_tokens=64 --seconds 5");
  auto a = std::make_shared<PlanArguments>();
  command->add_option("recipe", a->recipe, "A recipe's name (rlvr recipes) or YAML file")
      ->required();
  command->add_option("overrides", a->overrides, "key=value of the recipe");
  command->add_option("--seconds", a->options.seconds, "To spend on measuring, about")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command
      ->add_option("--memory", a->options.available,
                   "Memory that there will be (8GiB); what is free now if left out")
      ->transform(CLI::Validator(ReadSize, "SIZE"));
  command->add_option("--json", a->json, "Also write the figures to this file");
  const CLI::Option* threads = app.get_option("--threads");
  command->callback([=] {
    *action = [=] {
      std::vector<std::string> overrides = a->overrides;
      if (threads->count() > 0) overrides.push_back("threads=" + threads->as<std::string>());
      PrintPlan(*a, overrides);
    };
  });
}

}  // namespace rlvr
