// What a recipe would do: resolved values, data, model and an estimate of memory, without doing it.
#ifndef RLVR_CLI_DRY_RUN_H_
#define RLVR_CLI_DRY_RUN_H_
#include <cstdint>
#include <string>

#include "train/recipe.h"

namespace rlvr {

// Bytes at their largest, if every prompt and response is as long as the recipe allows.
struct MemoryEstimate {
  int64_t weights = 0;      // fp32 and packed for the kernels, of the policy and a reference
  int64_t optimizer = 0;    // gradient and AdamW's moments
  int64_t kv_cache = 0;     // of sampling, every response at its longest
  int64_t activations = 0;  // of one micro-batch, with its keys, values and gradients
  int64_t rest = 0;         // what kernels and allocators add
  int64_t total() const { return weights + optimizer + kv_cache + activations + rest; }
};
// "1.5 GiB"
std::string SizeText(int64_t bytes);
MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& model);

// Prints the resolved recipe as YAML, the rest as comments: the output is a recipe again. Opens the
// data and the model's config.json, so that a wrong name is an Error.
void PrintDryRun(const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_CLI_DRY_RUN_H_
