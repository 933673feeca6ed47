// A run's folder (docs/run_folder.md): started once, resumed, and written to step by step.
#ifndef RLVR_TRAIN_RUN_FOLDER_H_
#define RLVR_TRAIN_RUN_FOLDER_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data.h"
#include "eval/eval.h"
#include "parallel/communicator.h"
#include "train/metrics.h"
#include "train/recipe.h"

namespace rlvr {

std::string RunFolder(const Recipe& recipe);  // output/name

// Makes the folder with recipe.yaml and run.json. A folder that holds a run already is an Error.
std::string StartRunFolder(const Recipe& recipe);
// The resolved recipe of a run.
Recipe LoadRunRecipe(const std::string& run_folder);
// Under bf16 the instruction set may decide bits: another than the run's is an Error unless
// `other_isa`.
void CheckIsa(const std::string& run_folder, const Recipe& recipe, bool other_isa);
// The model that a stage after `step` starts from, as a Hugging Face folder in fp32: a copy of that
// checkpoint's, which stays when the checkpoint goes. Made if it is not there.
std::string StageModel(const std::string& run_folder, int64_t step);
// Removes rollouts/, eval/ and protocol/ files of steps after `last_step`.
void CutRunFolder(const std::string& run_folder, int64_t last_step);

// One group as it is written: lines of rollouts/ and eval/.
struct RecordedGroup {
  const Prompt* prompt = nullptr;
  const Tree* tree = nullptr;
  std::vector<std::vector<double>> advantage;  // [leaves][policy tokens], or empty
};
void WriteTrajectories(const std::string& path, int64_t step, const Tokenizer& tokenizer,
                       std::span<const RecordedGroup> groups);

// Evaluates on the recipe's validation prompts, writes eval/step_N.{json,jsonl}, adds val/* to
// metrics. Every rank must call; the first one writes and has the metrics.
void EvaluateAndRecord(const Recipe& recipe, const std::string& run_folder, int64_t step,
                       const Model& model, const Tokenizer& tokenizer, Metrics* metrics,
                       Communicator* ranks = &Alone());

std::string StepName(int64_t step);  // "step_000050"
double PeakMemoryGb();

}  // namespace rlvr
#endif  // RLVR_TRAIN_RUN_FOLDER_H_
