// Everything a run is told, from a YAML recipe (docs/recipes.md lists every key with verl's and TRL's names).
#ifndef RLVR_TRAIN_RECIPE_H_
#define RLVR_TRAIN_RECIPE_H_
#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "rollout/rollout.h"

namespace rlvr {

struct OptimizerSettings {
  double lr = 1e-6, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.1;
  double grad_clip = 1.0;            // global norm; 0: off
  int64_t warmup_steps = 0;          // linear from 0, in optimizer steps
  std::string schedule = "constant"; // constant, linear, cosine (to min_lr_ratio at the last step)
  double min_lr_ratio = 0.0;
};

struct OverlongSettings {            // reward.overlong
  std::string name = "none";         // none, filter (mask the truncated sample), soft (Eq. 13)
  int64_t buffer = 0;                // soft: tokens of the ramp
  double penalty_factor = 1.0;
};

struct Recipe {
  std::string kind = "rl";           // rl, pretrain, sft
  std::string name;                  // of the run's folder; the recipe file's stem by default
  std::string model;                 // folder, or "base_tiny" for the embedded one; pretrain: config under `architecture`
  std::string compute = "bf16";
  std::string output = "runs";       // folder that holds the run's
  uint64_t seed = 0;
  int threads = 0;                   // 0: one per core

  struct { std::string train = "gsm_micro", validation = "gsm_micro"; int64_t prompts_per_step = 32;
           int64_t max_prompt_tokens = 512; } data;
  struct { int group_size = 16; RolloutOptions options; int64_t gen_prompts = 0; } rollout;  // gen_prompts per round; 0: prompts_per_step
  struct { std::string name = "auto"; double correct = 1, wrong = -1; OverlongSettings overlong; } reward;
  struct { int64_t mini_batch_prompts = 0; int epochs = 1; int64_t micro_batch_tokens = 16384;
           bool recompute = false; OptimizerSettings optimizer; } update;  // 0: prompts_per_step
  struct { int64_t prompts = 128; int k = 16; int64_t every = 0; bool before = true; bool after = true;
           double temperature = 1.0; double top_p = 1.0; } eval;
  struct { int64_t steps = 100, checkpoint_every = 0; int keep_checkpoints = 2; int64_t rollouts_every = 1;
           int64_t rollout_groups = 4; } trainer;
  // pretrain and sft
  struct { int64_t tokens_per_step = 16384; std::string text; double careful = 0.5; bool loss_on_prompt = false; } supervised;

  ConfigNode resolved;               // written to the run folder; stage nodes (select, advantage, policy_loss, ...) are read from it
};

// Reads, merges, checks; every unknown key or value out of range is an Error at its line with the nearest known key.
// `path` may be a file or the name of a recipe in recipes/ ("dapo").
Recipe LoadRecipe(const std::string& path, const std::vector<std::string>& overrides);
std::string FindRecipe(const std::string& name);           // path; Error lists near names
std::vector<std::pair<std::string, std::string>> ListRecipes();  // name, its one-line description

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_H_
