// The run folders of a comparison as numbers: held-out results by seed and prompt, curves by seed,
// and what is measured on them. Reads files only.
#ifndef RLVR_REPORT_COMPARISON_DATA_H_
#define RLVR_REPORT_COMPARISON_DATA_H_
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/config_difference.h"
#include "eval/crossed_bootstrap.h"

namespace rlvr {

// FOLDER/RECIPE/seed_S is an ordinary run folder (docs/run_folder.md) whose run is finished.
struct ComparisonFiles {
  std::string name, folder;
  std::vector<std::string> recipes;  // the first is the baseline
  std::vector<uint64_t> seeds;
  std::vector<std::string> notes;  // shown with the result
};

// One metric of one recipe; by_seed[s][i] belongs to x[i] and is NaN where that run has none.
struct SeedCurves {
  std::vector<double> x;
  std::vector<std::vector<double>> by_seed;  // [S, N]
};

struct RecipeResult {
  std::string name;
  // After the last step, on held-out prompts: means over seeds and prompts. 95 % intervals.
  Interval avg, pass, maj;
  // This recipe minus the baseline, pairs of one seed and one prompt. All 0 for the baseline.
  Interval avg_difference, pass_difference, maj_difference;
  std::vector<double> avg_by_seed;                          // [S]
  double entropy = 0, response_length = 0, clip_ratio = 0;  // of the held-out responses
  // Of one run, means over seeds.
  double sampled_tokens = 0, trained_tokens = 0, seconds = 0;
  std::map<std::string, SeedCurves>
      curves;  // by metric; "val/avg", "val/pass", "val/maj": held-out
};

struct ComparisonResult {
  ComparisonFiles files;
  int64_t k = 0, num_prompts = 0, steps = 0;
  std::vector<RecipeResult> recipes;
  std::vector<ConfigDifference> differences;  // of the recipes, key by key
  std::vector<std::string> warnings;          // in words: what speaks against taking it at its word
};

// A run that lacks its last evaluation, or whose held-out prompts are not the first run's, throws
// Error naming the file.
ComparisonResult ReadComparison(const ComparisonFiles& files);

// Means over the seeds that have a value at x[i], and the lowest and highest of them. [N]
struct SeedBand {
  std::vector<double> mean, low, high;
};
SeedBand BandOverSeeds(const SeedCurves& curves);

}  // namespace rlvr
#endif  // RLVR_REPORT_COMPARISON_DATA_H_
