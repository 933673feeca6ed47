#include "cli/dry_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/size_text.h"
#include "bench/memory.h"
#include "eval/policy.h"
#include "train/activation_memory.h"
#include "train/recipe_prompts.h"
#include "train/run_folder.h"

namespace rlvr {

void PrintDryRun(const Recipe& recipe) {
  const bool pretrain = recipe.kind == "pretrain";
  ModelConfig model = recipe.architecture;
  std::string folder = "made new";
  if (!pretrain) {
    folder = FindModelFolder(recipe.model);
    const std::string path = folder + "/config.json";
    model = ModelConfig::FromJson(ReadFile(path), path);
  }
  fmt::print("{}\n", ToYaml(recipe.resolved));
  fmt::print("# run      {}\n", RunFolder(recipe));
  fmt::print("# model    {:.1f} million parameters, {} layers of width {} ({})\n",
             static_cast<double>(model.NumParameters()) / 1e6, model.num_hidden_layers,
             model.hidden_size, folder);
  if (recipe.kind == "rl") {
    const auto data = OpenTrainPrompts(recipe, /*tokenizer=*/nullptr);
    const int64_t rows = data->size();
    const int64_t prompts = recipe.trainer.steps * recipe.data.prompts_per_step;
    fmt::print(
        "# data     {}: {} prompts; {} steps of {} prompts are {:.3g} epochs, more if some "
        "are filtered\n",
        data->name(), rows, recipe.trainer.steps, recipe.data.prompts_per_step,
        static_cast<double>(prompts) / static_cast<double>(rows));
    if (!data->layout().empty()) fmt::print("# layout   {}\n", data->layout());
    fmt::print("# samples  {} responses a step, each at most {} tokens\n",
               recipe.data.prompts_per_step * recipe.rollout.group_size,
               recipe.rollout.options.max_tokens);
  } else {
    fmt::print("# data     {}; {} steps of {} tokens\n", recipe.supervised.text,
               recipe.trainer.steps, recipe.supervised.tokens_per_step);
  }
  const int64_t validation = OpenValidationPrompts(recipe)->size();
  fmt::print("# held out {}: {} of {} prompts, {} samples each\n", recipe.data.validation,
             recipe.eval.prompts > 0 ? std::min(recipe.eval.prompts, validation) : validation,
             validation, recipe.eval.k);
  CheckLongestTreeFits(recipe, model, "the policy");
  const MemoryEstimate e = EstimateMemory(recipe, model);
  const int64_t free = FreeMemory();
  fmt::print(
      "# memory   at most {}: weights {}, packed {}, gradient {}, moments {}, other models {}, "
      "rest {}; and in turn sampling {}, update {}; free now: {}\n",
      SizeText(e.total()), SizeText(e.weights), SizeText(e.packed), SizeText(e.gradient),
      SizeText(e.moments), SizeText(e.others), SizeText(e.rest), SizeText(e.kv_cache + e.sampling),
      SizeText(e.activations), SizeText(free));
  if (e.total() > free) {
    fmt::print(
        "# This may not fit: lower rollout.max_sequences or update.micro_batch_tokens, or "
        "set update.activation_memory or update.recompute=true.\n");
  }
}

}  // namespace rlvr
