// What this machine takes for the pieces of a recipe's step, measured in seconds of time with the
// trainer's own parts at the recipe's batch sizes.
#ifndef RLVR_BENCH_CALIBRATION_H_
#define RLVR_BENCH_CALIBRATION_H_
#include <functional>
#include <string>
#include <vector>

#include "bench/sampling_time.h"
#include "train/recipe.h"

namespace rlvr {

struct Calibration {
  // Of the first prompts of the first step, sampled by the model.
  int64_t prompts = 0;       // how many
  double prompt_tokens = 0;  // mean
  int64_t longest_prompt = 0;
  int64_t cut = 0;               // responses were sampled so far; max_tokens if to their end
  std::vector<int64_t> lengths;  // of all responses, those that were cut off as long as `cut`
  int64_t num_cut = 0;           // of them, below max_tokens
  double kept = 1;               // share of the groups that the recipe's selection keeps
  int64_t max_rounds = 1;        // of that selection

  SamplingRates sampling;
  double judge_response = 0;  // seconds a response, the verifier and what follows it
  double credit_token = 0;  // seconds a trained token: reference, critic, reward models, advantages
  double update_token = 0;  // seconds a trained token: forward and backward; on the policy ...
  double later_token = 0;   // ... and in the mini-batches that follow, which score anew
  double optimizer = 0;     // seconds of an optimizer step, clearing of gradients and packing too
  int64_t update_tokens = 0;  // of the batch that was trained on
  double seconds = 0;         // that all this took
};

// Loads the recipe's model and needs the memory of its training. budget: seconds to spend, about.
// reload: the recipe with further overrides. progress(share, what) may be empty.
Calibration Calibrate(const Recipe& recipe, double budget,
                      const std::function<Recipe(const std::vector<std::string>&)>& reload,
                      const std::function<void(double, const std::string&)>& progress = {});

}  // namespace rlvr
#endif  // RLVR_BENCH_CALIBRATION_H_
