// rlvr inspect MODEL: what a model folder holds and what it would take, before anything is allocated.
#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/size_text.h"
#include "bench/memory.h"
#include "cli/command.h"
#include "eval/policy.h"
#include "model/hf_folder.h"
#include "model/peft_folder.h"
#include "text/chat.h"

namespace rlvr {
namespace {

struct InspectArguments {
  std::string model, recipe = "dapo";
  std::vector<std::string> overrides;
};

std::string Counted(int64_t n) {
  return fmt::format("{:.1f} million", static_cast<double>(n) / 1e6);
}

void PrintArchitecture(const ModelConfig& c) {
  const int64_t embedding = c.vocab_size * c.hidden_size;
  fmt::print("family        {}{}\n", c.model_type, c.value_head ? ", a critic" : "");
  fmt::print("parameters    {} ({} of them the embedding{})\n", Counted(c.NumParameters()),
             Counted(embedding), c.tie_word_embeddings ? ", which is the head too" : "");
  fmt::print("layers        {} of width {}, feed-forward {}\n", c.num_hidden_layers, c.hidden_size,
             c.intermediate_size);
  fmt::print("attention     {} heads of {}, {} for keys and values{}{}{}\n", c.num_attention_heads,
             c.head_dim, c.num_key_value_heads, c.qk_norm ? ", QK-norm" : "",
             c.qkv_bias ? ", biases" : "", c.o_bias ? " also of the output" : "");
  std::string window = "all keys";
  if (c.sliding_window > 0) {
    int64_t layers = 0;
    for (int64_t l = 0; l < c.num_hidden_layers; ++l) layers += c.attention(l).window > 0 ? 1 : 0;
    window = fmt::format("windows of {} keys in {} layers", c.sliding_window, layers);
  }
  fmt::print("context       {} tokens, {}; RoPE base {}, scaling {}\n", c.context_length(), window,
             c.rope_theta, c.rope_scaling.rope_type);
  fmt::print("vocabulary    {} rows; end of sequence {}\n", c.vocab_size,
             fmt::join(c.eos_token_ids, ", "));
}

void PrintWeights(const std::string& folder, const ModelConfig& config) {
  const WeightFiles opened = OpenWeights(folder, config);
  int64_t bytes = 0;
  std::map<std::string, int64_t> types;
  for (const auto& [path, file] : opened.files) {
    for (const auto& [name, info] : file->tensors()) {
      bytes += info.end - info.begin;
      ++types[ToString(info.dtype)];
    }
  }
  std::string list;
  for (const auto& [type, n] : types) list += fmt::format(", {} of {}", n, type);
  fmt::print("weights       {} in {} file{}{}; all in place\n", SizeText(bytes),
             opened.files.size(), opened.files.size() == 1 ? "" : "s", list);
}

void PrintTokenizer(const std::string& folder, const ModelConfig& config) {
  const Tokenizer tokenizer = Tokenizer::Load(folder + "/tokenizer.json");
  std::string ends;
  for (const int32_t id : config.eos_token_ids)
    ends += " " + (id < tokenizer.vocab_size() ? tokenizer.TokenBytes(id) : std::to_string(id));
  fmt::print("tokenizer     {} tokens; responses end with{}\n", tokenizer.vocab_size(), ends);
  fmt::print("chat          {}\n", ChatTemplate::Load(folder) ? "a template of its own"
                                   : ReadsChatMl(tokenizer)   ? "no template: ChatML"
                                                              : "no template: plain text");
}

void PrintMemory(const InspectArguments& a, const std::string& folder, const ModelConfig& config) {
  const auto estimate = [&](const std::vector<std::string>& more) {
    std::vector<std::string> overrides = {"model=" + folder};
    overrides.insert(overrides.end(), a.overrides.begin(), a.overrides.end());
    overrides.insert(overrides.end(), more.begin(), more.end());
    return LoadRecipe(a.recipe, overrides);
  };
  const Recipe recipe = estimate({});
  fmt::print(
      "\nmemory, about, for recipe {} ({}; prompts of {} tokens, responses of {}, {} at once):\n",
      a.recipe, recipe.compute, recipe.data.max_prompt_tokens, recipe.rollout.options.max_tokens,
      recipe.rollout.options.max_sequences);
  const int64_t element = recipe.compute == "bf16" ? 2 : 4;
  const int64_t cache = EstimateMemory(recipe, config).kv_cache;
  fmt::print("  {:34}{:>9}   weights {}, KV cache {}\n", "sampling alone",
             SizeText(config.NumParameters() * (4 + element) + cache),
             SizeText(config.NumParameters() * (4 + element)), SizeText(cache));
  const std::pair<const char*, std::vector<std::string>> ways[] = {
      {"training as the recipe says", {}},
      {"  with update.recompute=true", {"update.recompute=true"}},
      {"  with lora.rank=16 besides", {"update.recompute=true", "lora.rank=16"}}};
  for (const auto& [name, more] : ways) {
    const MemoryEstimate e = EstimateMemory(estimate(more), config);
    fmt::print("  {:34}{:>9}   weights {}, optimizer {}, sampling {} or activations {}, rest {}\n",
               name, SizeText(e.total()), SizeText(e.weights + e.packed + e.others),
               SizeText(e.gradient + e.moments), SizeText(e.kv_cache + e.sampling),
               SizeText(e.activations), SizeText(e.rest));
  }
}

void Inspect(const InspectArguments& a) {
  std::string folder = FindModelFolder(a.model), weights = folder;
  fmt::print("folder        {}\n", folder);
  if (IsAdapterFolder(folder)) {
    const AdapterConfig adapter = LoadAdapterConfig(folder);
    fmt::print("adapter       LoRA of rank {}, alpha {}, on {}; base {}\n", adapter.lora.rank,
               adapter.lora.alpha, fmt::join(adapter.lora.target_modules, ", "),
               adapter.base_model);
    weights = FindModelFolder(adapter.base_model);
  }
  const ModelConfig config = LoadConfig(weights);
  PrintArchitecture(config);
  PrintWeights(weights, config);
  PrintTokenizer(weights, config);
  PrintMemory(a, weights, config);
}

}  // namespace

void AddInspect(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "inspect",
                 "What a model folder holds, whether it is supported, and the memory "
                 "that sampling and training take",
                 "rlvr inspect base_tiny --recipe grpo rollout.max_tokens=1024");
  auto a = std::make_shared<InspectArguments>();
  command
      ->add_option("model", a->model, "A Hugging Face or PEFT folder or an embedded model's name")
      ->required();
  command->add_option("overrides", a->overrides,
                      "key=value of the recipe whose memory is estimated");
  command->add_option("--recipe", a->recipe, "Whose memory is estimated")->capture_default_str();
  command->callback([=] { *action = [=] { Inspect(*a); }; });
}

}  // namespace rlvr
