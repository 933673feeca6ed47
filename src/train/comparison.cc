#include "train/comparison.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/config_difference.h"
#include "base/error.h"
#include "base/file.h"
#include "train/checkpoint.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestName = 120;

// A value for an override that YAML reads back as this text, whatever is in it.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void CheckRequest(const ComparisonRequest& request) {
  if (request.recipes.size() < 2) {
    throw Error("compare", "one recipe has nothing to be compared with",
                "name two or more: rlvr compare dapo grpo");
  }
  for (const std::string& item : request.overrides) {
    for (const char* key : {"name", "output", "trainer.steps"}) {
      if (item.rfind(std::string(key) + "=", 0) != 0) continue;
      throw Error("command line: " + item, "is not for a comparison to set",
                  "--name names the comparison, --output the folder above it, --steps all runs' "
                  "steps");
    }
  }
}

// The recipe file's stem: it names folders, table rows and curves.
std::string Label(const std::string& recipe) {
  const std::string label = fs::path(FindRecipe(recipe)).stem().string();
  const bool plain = std::all_of(label.begin(), label.end(), [](unsigned char c) {
    return std::isalnum(c) || std::strchr("._+-", c) != nullptr;
  });
  if (plain) return label;
  throw Error(recipe, "'" + label + "' cannot name a folder and a curve",
              "name the recipe's file with letters, digits and . _ + -");
}

// The settings by which held-out answers are judged, as overrides.
std::vector<std::string> Evaluation(const Recipe& r) {
  return {"data.validation=" + Quoted(r.data.validation),
          fmt::format("eval.prompts={}", r.eval.prompts),
          fmt::format("eval.k={}", r.eval.k),
          fmt::format("eval.ks=[{}]", fmt::join(r.eval.ks, ", ")),
          fmt::format("eval.every={}", r.eval.every),
          fmt::format("eval.before={}", r.eval.before),
          "eval.after=true",
          fmt::format("eval.temperature={}", r.eval.temperature),
          fmt::format("eval.top_p={}", r.eval.top_p),
          "eval.protocol=" + r.eval.protocol,
          fmt::format("eval.types=[{}]", fmt::join(r.eval.types, ", ")),
          fmt::format("eval.simulations={}", r.eval.simulations)};
}

// The recipe, judged as `first` is.
Recipe LoadJudgedAs(const Recipe& first, const std::string& recipe,
                    std::vector<std::string> overrides) {
  const std::vector<std::string> evaluation = Evaluation(first);
  overrides.insert(overrides.end(), evaluation.begin(), evaluation.end());
  Recipe loaded = LoadRecipe(recipe, overrides);
  // As a whole: merged with a user of another name it would keep that one's keys.
  const ConfigNode& environment = *first.resolved.Find("eval")->Find("environment");
  const auto hold = [&](Recipe* r) {
    r->resolved.FindMutable("eval")->Set("environment", environment);
  };
  if (first.eval.protocol != "none") {
    hold(&loaded);
    for (Recipe& stage : loaded.stages) hold(&stage);
  }
  return loaded;
}

// "grpo: eval.k 16 -> 32, eval.top_p 1 -> 0.7: all are judged as dapo is"
std::string ChangeNote(const std::string& label, const Recipe& own, const Recipe& changed,
                       const std::string& first) {
  std::vector<std::string> parts;
  for (const auto& d : DifferentKeys({own.resolved, changed.resolved})) {
    if (d.key.rfind("eval.", 0) == 0 || d.key == "data.validation")
      parts.push_back(fmt::format("{} {} -> {}", d.key, d.values[0], d.values[1]));
  }
  if (parts.empty()) return "";
  return fmt::format("{}: {}; all are judged as {} is", label, fmt::join(parts, ", "), first);
}

// What does not decide a run's numbers may change between its start and its resumption.
ConfigNode Deciding(const Recipe& recipe) {
  ConfigNode node = recipe.resolved;
  for (const char* key : {"threads", "output"}) {
    if (ConfigNode* found = node.FindMutable(key)) found->scalar.clear();
  }
  return node;
}

void CheckUnchanged(const ComparedRun& run) {
  if (!fs::exists(run.folder + "/run.json")) return;
  const auto changed = DifferentKeys({Deciding(LoadRunRecipe(run.folder)), Deciding(run.recipe)});
  if (changed.empty()) return;
  const auto or_none = [](const std::string& value) { return value.empty() ? "none" : value; };
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::min<size_t>(changed.size(), 5); ++i) {
    parts.push_back(fmt::format("{} was {}, now {}", changed[i].key, or_none(changed[i].values[0]),
                                or_none(changed[i].values[1])));
  }
  if (changed.size() > parts.size())
    parts.push_back(fmt::format("and {} more", changed.size() - parts.size()));
  throw Error(run.folder,
              fmt::format("this run was started from another recipe: {}", fmt::join(parts, "; ")),
              "give the new comparison another --name, or remove the folder");
}

// "name remote, model gpt-4o-mini, ..."
std::string JudgeOf(const Recipe& recipe) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : FlattenConfig(*recipe.resolved.Find("strategy_judge")))
    parts.push_back(key + " " + value);
  return fmt::format("{}", fmt::join(parts, ", "));
}

void AddNotesOnStart(const std::vector<Recipe>& recipes, Comparison* plan) {
  const Recipe& first = recipes[0];
  for (size_t i = 1; i < recipes.size(); ++i) {
    const auto differs = [&](const char* what, const auto& a, const auto& b) {
      if (a == b) return;
      plan->notes.push_back(fmt::format("{} differs: {} has {}, {} has {}", what, plan->labels[0],
                                        a, plan->labels[i], b));
    };
    differs("the initial model", first.model, recipes[i].model);
    differs("data.train", first.data.train, recipes[i].data.train);
    differs("rollout.max_tokens, which also limits held-out answers,",
            first.rollout.options.max_tokens, recipes[i].rollout.options.max_tokens);
    if (first.eval.protocol != "none") {
      differs("strategy_judge, which also reads the turns of eval.protocol,", JudgeOf(first),
              JudgeOf(recipes[i]));
    }
    differs("trainer.steps", first.trainer.steps, recipes[i].trainer.steps);
  }
}

// The run's folder is locked as long as this lives; the lock goes with the process, however it
// ends.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder) {
    MakeDirectories(folder);
    file_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file_ < 0) throw Error(folder, std::string("cannot open: ") + std::strerror(errno), "");
    // A process that was just killed may take a moment to go.
    for (int attempt = 0; flock(file_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
      if (attempt == 30) {
        close(file_);
        throw Error(folder, "another process is training this run", "wait for it, or end it");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  ~FolderLock() { close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace

Comparison PlanComparison(const ComparisonRequest& request) {
  CheckRequest(request);
  Comparison plan;
  for (const std::string& recipe : request.recipes) {
    const std::string label = Label(recipe);
    if (std::count(plan.labels.begin(), plan.labels.end(), label)) {
      throw Error(recipe, "two recipes are called '" + label + "'",
                  "copy one to a file of another name; `extends:` keeps it short");
    }
    plan.labels.push_back(label);
  }
  plan.name =
      request.name.empty() ? fmt::format("{}", fmt::join(plan.labels, "_vs_")) : request.name;
  if (plan.name.size() > kLongestName || plan.name.find('/') != std::string::npos)
    throw Error("compare", "'" + plan.name + "' cannot name a folder", "give a short --name");
  plan.folder = request.output + "/compare_" + plan.name;

  std::vector<std::string> common = request.overrides;
  if (request.steps > 0) common.push_back(fmt::format("trainer.steps={}", request.steps));
  const Recipe first = LoadRecipe(request.recipes[0], common);
  for (int s = 0; s < request.num_seeds; ++s)
    plan.seeds.push_back(first.seed + static_cast<uint64_t>(s));

  std::vector<Recipe> starts;
  for (size_t i = 0; i < request.recipes.size(); ++i) {
    const Recipe own = LoadRecipe(request.recipes[i], common);
    if (own.kind != "rl") {
      throw Error(request.recipes[i], "a recipe of kind " + own.kind,
                  "only recipes of kind rl can be compared");
    }
    starts.push_back(LoadJudgedAs(first, request.recipes[i], common));
    const std::string note = ChangeNote(plan.labels[i], own, starts.back(), plan.labels[0]);
    if (!note.empty()) plan.notes.push_back(note);
  }
  AddNotesOnStart(starts, &plan);

  for (const uint64_t seed : plan.seeds) {
    for (size_t i = 0; i < request.recipes.size(); ++i) {
      std::vector<std::string> overrides = common;
      overrides.push_back("output=" + Quoted(plan.folder + "/" + plan.labels[i]));
      overrides.push_back(fmt::format("name=seed_{}", seed));
      overrides.push_back(fmt::format("seed={}", seed));
      ComparedRun run{plan.labels[i], seed, LoadJudgedAs(first, request.recipes[i], overrides), ""};
      run.folder = RunFolder(run.recipe);
      CheckUnchanged(run);
      plan.runs.push_back(std::move(run));
    }
  }
  return plan;
}

bool IsFinished(const ComparedRun& run) {
  // In the order in which training writes them, the last one last (ExportModel).
  const int64_t steps = run.recipe.trainer.steps;
  return fs::exists(run.folder + "/run.json") && LatestCheckpoint(run.folder) == steps &&
         fs::exists(run.folder + "/eval/" + StepName(steps) + ".json") &&
         fs::exists(run.folder + "/model/tokenizer.json");
}

int64_t StepsRecorded(const std::string& run_folder) {
  const std::string path = run_folder + "/metrics.jsonl";
  if (!fs::exists(path)) return 0;
  const std::string text = ReadFile(path);
  const size_t end = text.rfind('\n');
  if (end == std::string::npos || end == 0) return 0;
  const size_t before = text.rfind('\n', end - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const auto line = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
  return line.is_object() ? line.value("step", int64_t{0}) : 0;
}

void RunCompared(const ComparedRun& run, int threads) {
  const FolderLock lock(run.folder);
  if (IsFinished(run)) return;
  if (fs::exists(run.folder + "/run.json")) {
    ResumeOptions options;
    options.threads = threads;
    return Resume(run.folder, options);
  }
  Recipe recipe = run.recipe;
  recipe.threads = threads;
  Train(recipe);
}

}  // namespace rlvr
