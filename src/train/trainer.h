// Reinforcement learning with verifiable rewards, from a recipe to a run folder:
//   prompts -> rollout -> reward -> select -> advantage -> update, step after step.
// The same recipe gives the same metrics.jsonl (but for timing_s/* and perf/*) and the same
// weights, byte for byte, on any number of threads, uninterrupted or resumed.
#ifndef RLVR_TRAIN_TRAINER_H_
#define RLVR_TRAIN_TRAINER_H_
#include <cstdint>
#include <string>

#include "train/recipe.h"
#include "tree/tree.h"

namespace rlvr {

// Starts a run of kind rl. Its folder must not hold a run yet. Ctrl-C throws Interrupted after the
// state of the last whole step has been saved.
void Train(const Recipe& recipe);

struct ResumeOptions {
  bool other_isa = false;  // go on even if this machine's instruction set may give other bits
  int threads = 0;         // 0: the recipe's
};
// Goes on with a run of any kind from its latest checkpoint, or from the start if it has none. What
// the folder holds of later steps is removed and made again, with the same bits.
void Resume(const std::string& run_folder, const ResumeOptions& options = {});

// The root and response of one sample of one step again: weights come from the nearest checkpoint
// before the step, the steps between are trained again (nothing is written). Judged, with its
// log-probs and entropies.
Tree ReplaySample(const std::string& run_folder, int64_t step, int64_t prompt_index, int sample);

}  // namespace rlvr
#endif  // RLVR_TRAIN_TRAINER_H_
