// Recipes side by side on common random numbers (docs/compare.md). Everything random in a run
// follows from its seed through keys (base/random.h): which prompts in which order, the noise of
// every sample, the noise of every evaluation; and all runs start from the recipe's model. So two
// runs of one seed meet the same prompts with the same noise, and what differs is the method's.
//
// A comparison is a folder OUTPUT/compare_NAME with one ordinary run folder per recipe and seed,
// RECIPE/seed_S. Whatever state it is in, the same request goes on from there.
#ifndef RLVR_TRAIN_COMPARISON_H_
#define RLVR_TRAIN_COMPARISON_H_
#include <cstdint>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace rlvr {

struct ComparisonRequest {
  std::vector<std::string> recipes;    // names or files, two or more; the first is the baseline
  std::vector<std::string> overrides;  // key=value, for all of them
  int num_seeds = 3;                   // from the first recipe's seed upwards
  int64_t steps = 0;                   // of all; 0: each recipe's own
  std::string name;                    // "": A_vs_B
  std::string output = "runs";
};

struct ComparedRun {
  std::string label;  // the recipe file's stem
  uint64_t seed = 0;
  Recipe recipe;  // whole, for this run
  std::string folder;
};

struct Comparison {
  std::string name, folder;
  std::vector<std::string> labels;
  std::vector<uint64_t> seeds;
  std::vector<ComparedRun> runs;   // seed by seed, the recipes of a seed in order
  std::vector<std::string> notes;  // what was changed so that the recipes can be compared, in words
};

// Reads every recipe. All are judged by the first one's evaluation (data.validation, eval.*), since
// a paired difference needs the same held-out prompts; a recipe that this changes gets a note.
// Throws Error on recipes that cannot be compared, and on a run that was started from another
// recipe than it has now: its folder keeps what it was.
Comparison PlanComparison(const ComparisonRequest& request);

// Nothing is left to do in this run's folder.
bool IsFinished(const ComparedRun& run);
// Steps in its metrics.jsonl; 0 without one.
int64_t StepsRecorded(const std::string& run_folder);

// Starts or resumes this run in this process and returns when it is finished. A run that another
// process is working on is an Error.
void RunCompared(const ComparedRun& run, int threads);

}  // namespace rlvr
#endif  // RLVR_TRAIN_COMPARISON_H_
