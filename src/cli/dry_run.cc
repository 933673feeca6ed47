#include "cli/dry_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "eval/policy.h"
#include "objective/coefficient.h"
#include "objective/objective.h"
#include "train/recipe_prompts.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool NeedsReference(const Recipe& recipe) {
  if (recipe.kind != "rl") return false;
  const auto node = [&](const char* stage) {
    return ResolveCoefficients(*recipe.resolved.Find(stage), stage, 1, {});
  };
  const ConfigNode shaping = node("reward_shaping"), advantage = node("advantage"),
                   weight = node("token_weight"), loss = node("policy_loss"),
                   regularizer = node("regularizer");
  Needs needs = MakeObjective(&weight, &loss, &regularizer)->needs();
  needs.Add(MakeRewardShaping(&shaping).needs());
  needs.Add(MakeAdvantage(&advantage).needs());
  return needs.reference;
}

}  // namespace

std::string SizeText(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& c) {
  const int64_t element = recipe.compute == "bf16" ? 2 : 4, parameters = c.NumParameters();
  const int64_t layers = c.num_hidden_layers, width = c.hidden_size, forward = c.intermediate_size,
                heads = c.num_attention_heads * c.head_dim,
                kv_heads = c.num_key_value_heads * c.head_dim;
  const int64_t max_tokens = recipe.rollout.options.max_tokens;
  MemoryEstimate e;
  // W and its transpose, and no transpose for a model that only scores.
  e.weights = parameters * (4 + 2 * element);
  if (NeedsReference(recipe)) e.weights += parameters * (4 + element);
  const int64_t tied = c.tie_word_embeddings ? c.vocab_size * width : 0;
  if (recipe.lora.on()) {
    const int64_t adapters = NumAdapterParameters(c, recipe.lora);
    e.weights += adapters * (4 + 2 * element);
    e.optimizer = 4 * 3 * adapters;
  } else {
    e.optimizer = 4 * (3 * parameters + tied);
  }

  const int64_t kv_token = 2 * layers * kv_heads * element;
  const bool rl = recipe.kind == "rl";
  const int64_t k = rl ? recipe.rollout.group_size : recipe.eval.k;
  const bool samples = rl || recipe.eval.after || recipe.eval.before;
  const int64_t sequences = recipe.rollout.options.max_sequences;
  if (samples) {
    e.kv_cache = kv_token *
                 (sequences * max_tokens + DivideUp(sequences, k) * recipe.data.max_prompt_tokens);
  }

  // A micro-batch has whole groups: at least one, at most a mini-batch.
  const int64_t group = recipe.data.max_prompt_tokens + recipe.rollout.group_size * max_tokens;
  const int64_t mini = recipe.update.mini_batch_prompts > 0 ? recipe.update.mini_batch_prompts
                                                            : recipe.data.prompts_per_step;
  const int64_t most = rl ? mini * group : recipe.supervised.tokens_per_step;
  const int64_t tokens =
      std::min(most, std::max(recipe.update.micro_batch_tokens, rl ? group : int64_t{0}));
  // One layer's saved arrays (Activations), and those of the layer at work (Workspace).
  const int64_t saved = 2 * width + (heads + 2 * kv_heads) + 2 * heads + 2 * forward;
  const int64_t working = 5 * width + (heads + 2 * kv_heads) + kv_heads + 2 * heads + 4 * forward;
  const int64_t kept = recipe.update.recompute ? layers * width + saved : layers * saved;
  e.activations = tokens * (4 * (kept + working) + kv_token);
  // What kernels pack for their own use and allocators round up: 1/10 of quickstart's peak.
  e.rest = e.activations / 8 + (int64_t{32} << 20);
  return e;
}

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
  const MemoryEstimate e = EstimateMemory(recipe, model);
  const int64_t free = static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  fmt::print(
      "# memory   about {}: weights {}, optimizer {}, KV cache {}, activations {}, rest {}; free "
      "now: {}\n",
      SizeText(e.total()), SizeText(e.weights), SizeText(e.optimizer), SizeText(e.kv_cache),
      SizeText(e.activations), SizeText(e.rest), SizeText(free));
  if (e.total() > free) {
    fmt::print(
        "# This may not fit: lower rollout.max_sequences or update.micro_batch_tokens, or "
        "set update.recompute=true.\n");
  }
}

}  // namespace rlvr
