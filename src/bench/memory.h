// How many bytes a recipe takes at most, part by part: of `rlvr plan`, `rlvr train --dry-run` and
// `rlvr inspect`. The parts follow the arrays that model/model.h, model/kv_cache.h, train/update.h
// and rollout/scheduler.cc hold; memory_test.cc compares them with what these have allocated.
#ifndef RLVR_BENCH_MEMORY_H_
#define RLVR_BENCH_MEMORY_H_
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace rlvr {

// Tokens that are held at once.
struct TokenCounts {
  int64_t cache = 0;        // of sampling, prompts included, at the fullest moment
  int64_t sequences = 0;    // decoded together
  int64_t prefill = 0;      // tokens of the largest sampling pass
  int64_t micro_batch = 0;  // tokens of the largest forward and backward
  int64_t unit = 0;         // tokens of its largest tree
  int64_t segments = 0;     // of the micro-batch: prompts and responses
  int64_t step = 0;         // trained in a whole step
};
// If every prompt and response is as long as the recipe allows.
TokenCounts LongestTokens(const Recipe& recipe);

struct MemoryEstimate {  // bytes
  // Held from beginning to end.
  int64_t weights = 0;   // of the policy, fp32, adapters included
  int64_t packed = 0;    // rounded for the kernels, and the transposes that backward reads
  int64_t gradient = 0;  // with tied embeddings the head's part apart
  int64_t moments = 0;   // of AdamW
  int64_t others = 0;    // reference, critic, process reward model, with their training
  // Held in turn.
  int64_t kv_cache = 0;     // of sampling
  int64_t sampling = 0;     // other arrays of sampling
  int64_t activations = 0;  // forward and backward of one micro-batch, its keys and values too
  int64_t rest = 0;         // program, prompts, trees, what allocators round up and keep

  int64_t held() const { return weights + packed + gradient + moments + others; }
  // Sampling gives its memory back before the update begins, unless its arrays are so small that the
  // allocator keeps them: then they are in the rest, too.
  int64_t total() const {
    const int64_t sample = kv_cache + sampling;
    return held() + (sample > activations ? sample : activations) + rest;
  }
};
MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& model,
                              const TokenCounts& tokens);
MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& model);  // LongestTokens

// Bytes of one token's keys and values in all layers.
int64_t KvTokenBytes(const ModelConfig& model, ComputeType compute);
// Bytes that KvCache (model/kv_cache.h) has allocated once it holds so many pages.
int64_t KvCacheBytes(const ModelConfig& model, ComputeType compute, int64_t pages);
int64_t FreeMemory();  // bytes that could be taken now without swapping

// A change to the recipe that would take less.
struct MemorySaving {
  std::string override_text;  // "update.recompute=true"
  int64_t bytes = 0;          // less than now at the peak
  std::string cost;           // "about a third more time in the update"
};
// What helps, the largest first. reload: the recipe with further overrides.
std::vector<MemorySaving> MemorySavings(
    const Recipe& recipe, const ModelConfig& model,
    const std::function<Recipe(const std::vector<std::string>&)>& reload);

}  // namespace rlvr
#endif  // RLVR_BENCH_MEMORY_H_
