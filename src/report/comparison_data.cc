#include "report/comparison_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "report/run_data.h"

namespace rlvr {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kBudgetTolerance = 0.10;  // of sampled tokens

constexpr const char* kCurves[] = {"critic/score/mean",    "actor/entropy",
                                   "response_length/mean", "response_length/clip_ratio",
                                   "actor/pg_clipfrac",    "actor/grad_norm"};

// What one run's folder says.
struct RunResult {
  std::string folder;
  std::vector<int64_t> prompt_index;   // [P], rising
  std::vector<double> avg, pass, maj;  // [P], after the last step
  double entropy = 0, response_length = 0, clip_ratio = 0;
  double sampled_tokens = 0, trained_tokens = 0, seconds = 0;
  int64_t k = 0, steps = 0;
  std::map<std::string, std::map<double, double>> curves;  // by metric, by step
};

void ReadHeldOut(RunResult* run) {
  const std::vector<EvalRecord> evals = ReadEvals(run->folder);
  const std::vector<std::string> paths = StepFiles(run->folder, "eval", ".jsonl");
  if (evals.empty() || paths.empty()) {
    throw Error(run->folder + "/eval", "has no evaluation",
                "only finished runs with eval.after can be compared");
  }
  for (const EvalRecord& e : evals) {
    const auto step = static_cast<double>(e.step);
    run->curves["val/avg"][step] = e.avg.mean;
    run->curves["val/pass"][step] = e.pass.mean;
    run->curves["val/maj"][step] = e.maj.mean;
  }
  const EvalRecord& last = evals.back();
  run->k = last.k;
  run->steps = last.step;
  run->response_length = last.mean_response_length;
  run->clip_ratio = last.clip_ratio;

  struct Group {
    int64_t right = 0;
    std::vector<std::string> answers;
    std::vector<bool> verdicts;
  };
  std::map<int64_t, Group> groups;
  for (const TrajectoryRecord& t : ReadTrajectories(paths.back())) {
    Group& g = groups[t.prompt_index];
    g.right += t.right();
    g.answers.push_back(t.answer);
    g.verdicts.push_back(t.right());
  }
  for (const auto& [prompt, g] : groups) {
    const auto n = static_cast<int64_t>(g.answers.size());
    if (n != last.k) {
      throw Error(paths.back(), fmt::format("prompt {} has {} samples, not {}", prompt, n, last.k),
                  "the file is damaged; remove the run's folder and start again");
    }
    const int64_t vote = MajorityVote(g.answers);
    run->prompt_index.push_back(prompt);
    run->avg.push_back(static_cast<double>(g.right) / static_cast<double>(n));
    run->pass.push_back(PassAtK(n, g.right, n));
    run->maj.push_back(vote >= 0 && g.verdicts[static_cast<size_t>(vote)] ? 1 : 0);
  }
}

void ReadTraining(RunResult* run) {
  const MetricsTable metrics = ReadMetrics(run->folder);
  const auto at = [&](const char* name, size_t i) {
    const std::vector<double>* column = metrics.Find(name);
    return column == nullptr ? kMissing : (*column)[i];
  };
  const auto or_zero = [](double v) { return std::isfinite(v) ? v : 0; };
  for (size_t i = 0; i < metrics.step.size(); ++i) {
    const auto step = static_cast<double>(metrics.step[i]);
    for (const char* name : kCurves) {
      if (const double v = at(name, i); std::isfinite(v)) run->curves[name][step] = v;
    }
    if (const double v = at("val/entropy", i); std::isfinite(v)) run->entropy = v;
    // Speed was logged as tokens / seconds; the product is whole again after rounding.
    run->sampled_tokens +=
        std::round(or_zero(at("perf/sampled_tokens_per_s", i) * at("timing_s/gen", i)));
    run->trained_tokens += or_zero(at("perf/trained_tokens", i));
    run->seconds += or_zero(at("timing_s/step", i));
    run->curves["tokens/sampled"][step] = run->sampled_tokens;
  }
}

RunResult ReadRun(const std::string& folder) {
  RunResult run;
  run.folder = folder;
  ReadHeldOut(&run);
  ReadTraining(&run);
  return run;
}

void CheckAlike(const RunResult& run, const RunResult& first) {
  if (run.prompt_index == first.prompt_index && run.k == first.k) return;
  throw Error(
      run.folder,
      fmt::format("was judged by {} samples of {} held-out prompts, {} by {} of {}", run.k,
                  run.prompt_index.size(), first.folder, first.k, first.prompt_index.size()),
      "pairs need the same prompts; give both the same eval settings");
}

SeedCurves Gather(const std::vector<RunResult>& runs, const std::string& metric) {
  std::set<double> steps;
  for (const RunResult& run : runs) {
    const auto curve = run.curves.find(metric);
    if (curve == run.curves.end()) continue;
    for (const auto& [step, value] : curve->second) steps.insert(step);
  }
  SeedCurves curves{.x = {steps.begin(), steps.end()}, .by_seed = {}};
  for (const RunResult& run : runs) {
    std::vector<double> y;
    const auto curve = run.curves.find(metric);
    for (const double x : curves.x) {
      const bool has = curve != run.curves.end() && curve->second.count(x) > 0;
      y.push_back(has ? curve->second.at(x) : kMissing);
    }
    curves.by_seed.push_back(std::move(y));
  }
  return curves;
}

SeedsByPrompts Cells(const std::vector<RunResult>& runs, std::vector<double> RunResult::*what) {
  SeedsByPrompts cells;
  for (const RunResult& run : runs) cells.push_back(run.*what);
  return cells;
}

double MeanOf(const std::vector<RunResult>& runs, double RunResult::*what) {
  double sum = 0;
  for (const RunResult& run : runs) sum += run.*what;
  return sum / static_cast<double>(runs.size());
}

// One key for all: equal inputs give equal intervals, and all recipes see the same resamples.
RandomKey BootstrapKey() { return StreamKey(0, Stream::kEval)[~uint64_t{0}]; }

RecipeResult Measure(const std::string& name, const std::vector<RunResult>& runs,
                     const std::vector<RunResult>& baseline) {
  const RandomKey key = BootstrapKey();
  RecipeResult r;
  r.name = name;
  const auto both = [&](std::vector<double> RunResult::*what, Interval* value,
                        Interval* difference) {
    const SeedsByPrompts cells = Cells(runs, what);
    *value = CrossedBootstrap(cells, key);
    *difference = PairedBootstrap(cells, Cells(baseline, what), key);
  };
  both(&RunResult::avg, &r.avg, &r.avg_difference);
  both(&RunResult::pass, &r.pass, &r.pass_difference);
  both(&RunResult::maj, &r.maj, &r.maj_difference);
  for (const RunResult& run : runs) {
    double sum = 0;
    for (const double v : run.avg) sum += v;
    r.avg_by_seed.push_back(sum / static_cast<double>(run.avg.size()));
  }
  r.entropy = MeanOf(runs, &RunResult::entropy);
  r.response_length = MeanOf(runs, &RunResult::response_length);
  r.clip_ratio = MeanOf(runs, &RunResult::clip_ratio);
  r.sampled_tokens = MeanOf(runs, &RunResult::sampled_tokens);
  r.trained_tokens = MeanOf(runs, &RunResult::trained_tokens);
  r.seconds = MeanOf(runs, &RunResult::seconds);
  for (const auto& [metric, curve] : runs[0].curves) r.curves[metric] = Gather(runs, metric);
  return r;
}

// What decides a run apart from where it stands and which seed it has.
ConfigNode ReadRecipe(const std::string& run_folder) {
  const std::string path = run_folder + "/recipe.yaml";
  const ConfigNode whole = ParseConfig(ReadFile(path), path);
  ConfigNode node;
  node.kind = ConfigNode::Kind::kMap;
  for (size_t i = 0; i < whole.keys.size(); ++i) {
    const std::string& key = whole.keys[i];
    if (key == "name" || key == "output" || key == "seed" || key == "threads") continue;
    node.Set(key, whole.items[i]);
  }
  return node;
}

void WarnOfBudgets(ComparisonResult* result) {
  const auto less = [](const RecipeResult& a, const RecipeResult& b) {
    return a.sampled_tokens < b.sampled_tokens;
  };
  const auto [low, high] =
      std::minmax_element(result->recipes.begin(), result->recipes.end(), less);
  if (high->sampled_tokens <= (1 + kBudgetTolerance) * low->sampled_tokens) return;
  result->warnings.push_back(fmt::format(
      "The budgets are not equal: {} sampled {:.0f} tokens a run, {} {:.0f} ({}). Part of a "
      "difference may be the budget's and not the method's.",
      high->name, high->sampled_tokens, low->name, low->sampled_tokens,
      low->sampled_tokens > 0
          ? fmt::format("{:.0f} % more", 100 * (high->sampled_tokens / low->sampled_tokens - 1))
          : "none"));
}

void WarnOfBuilds(const std::vector<std::string>& folders, ComparisonResult* result) {
  std::map<std::string, std::set<std::string>> values;
  for (const std::string& folder : folders) {
    for (const auto& [key, value] : ReadRunInfo(folder)) {
      if (key == "git_commit" || key == "version" || key == "isa") values[key].insert(value);
    }
  }
  for (const auto& [key, seen] : values) {
    if (seen.size() < 2) continue;
    result->warnings.push_back(
        fmt::format("The runs were made by different programs: {} is {}. If numbers depend on it, "
                    "a difference may be the program's.",
                    key, fmt::join(seen, ", ")));
  }
}

}  // namespace

SeedBand BandOverSeeds(const SeedCurves& curves) {
  SeedBand band;
  for (size_t i = 0; i < curves.x.size(); ++i) {
    double sum = 0, low = kMissing, high = kMissing;
    int count = 0;
    for (const auto& y : curves.by_seed) {
      if (!std::isfinite(y[i])) continue;
      sum += y[i];
      low = count == 0 ? y[i] : std::min(low, y[i]);
      high = count == 0 ? y[i] : std::max(high, y[i]);
      ++count;
    }
    band.mean.push_back(count > 0 ? sum / count : kMissing);
    band.low.push_back(low);
    band.high.push_back(high);
  }
  return band;
}

ComparisonResult ReadComparison(const ComparisonFiles& files) {
  RLVR_CHECK(!files.recipes.empty() && !files.seeds.empty());
  ComparisonResult result;
  result.files = files;
  std::vector<std::vector<RunResult>> runs;  // [recipes][seeds]
  std::vector<ConfigNode> recipes;
  std::vector<std::string> folders;
  for (const std::string& recipe : files.recipes) {
    runs.emplace_back();
    for (const uint64_t seed : files.seeds) {
      folders.push_back(fmt::format("{}/{}/seed_{}", files.folder, recipe, seed));
      runs.back().push_back(ReadRun(folders.back()));
      CheckAlike(runs.back().back(), runs[0][0]);
    }
    recipes.push_back(ReadRecipe(runs.back()[0].folder));
    result.recipes.push_back(Measure(recipe, runs.back(), runs[0]));
  }
  result.k = runs[0][0].k;
  result.num_prompts = static_cast<int64_t>(runs[0][0].prompt_index.size());
  result.steps = runs[0][0].steps;
  result.differences = DifferentKeys(recipes);
  if (files.seeds.size() == 1) {
    result.warnings.push_back(
        "One seed: the intervals are over held-out prompts only and say nothing about another "
        "run of the same recipe. Use --seeds 3 or more.");
  }
  WarnOfBudgets(&result);
  WarnOfBuilds(folders, &result);
  return result;
}

}  // namespace rlvr
