#include "bench/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "model/head.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "train/activation_memory.h"
#include "train/credit.h"

namespace rlvr {
namespace {

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kProgram = 40 * kMiB;  // with its tables, tokenizer and prompts
// Arrays end in the middle of a huge page (tensor/view.cc).
constexpr int64_t kHugePage = 2 * kMiB, kArrays = 20;
// Trees, rows and the objective's fields, by a token that trains in the step.
constexpr int64_t kStepTokenBytes = 500;
// glibc keeps what is smaller when it is freed (M_MMAP_THRESHOLD's largest value).
constexpr int64_t kKeptByAllocator = 32 * kMiB;

// A segment's last page is half empty.
int64_t Pages(int64_t tokens, int64_t segments) {
  return DivideUp(tokens, kPageTokens) + segments / 2;
}

int64_t ElementBytes(ComputeType compute) { return compute == ComputeType::kBf16 ? 2 : 4; }

// Rows of logits at once: as SampleRows of rollout/scheduler.cc.
int64_t SampleRows(int64_t vocab) {
  return std::clamp<int64_t>((int64_t{8} << 20) / vocab, 16, 1024);
}

bool Quantizes(const Recipe& recipe) {
  return recipe.kind == "rl" && recipe.rollout.quantization != "none";
}
// Of the layers' matrices in 8 bits, with their scales (tensor/gemm_int8.cc).
int64_t Int8Bytes(const ModelConfig& c) {
  const int64_t D = c.hidden_size, F = c.intermediate_size, E = c.head_dim;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  const auto packed = [](int64_t n, int64_t k) {
    return DivideUp(n, 32) * 32 * (DivideUp(k, 4) * 4 + 4);
  };
  return c.num_hidden_layers *
         (packed((H + 2 * K) * E, D) + packed(D, H * E) + packed(2 * F, D) + packed(D, F));
}

// Scored alone: fp32 weights and one packed copy. Trained: the transposes, gradient and moments too.
int64_t SecondModelBytes(int64_t parameters, int64_t element, bool trained) {
  return parameters * (trained ? 4 + 2 * element + 12 : 4 + element);
}

}  // namespace

int64_t KvTokenBytes(const ModelConfig& c, ComputeType compute) {
  return 2 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim * ElementBytes(compute);
}

int64_t KvCacheBytes(const ModelConfig& c, ComputeType compute, int64_t pages) {
  int64_t allocated = pages > 0 ? 64 : 0;  // KvCache::Grow
  while (allocated < pages) allocated = allocated * 3 / 2;
  return allocated * kPageTokens * KvTokenBytes(c, compute);
}

namespace {

// Passes over micro-batches of at most so many tokens: forward and backward, or forward alone. With a
// bound a smaller one may keep more layers, and so take as much as a larger one.
int64_t PassBytes(const ModelConfig& c, const ActivationBound& bound, int64_t tokens, bool learns) {
  if (tokens == 0) return 0;
  const int64_t most = learns
                           ? ActivationBytes(c, tokens, bound.recompute ? 1 : c.num_hidden_layers)
                           : ForwardBytes(c, tokens);
  return bound.bytes == 0 ? most : std::min(most, bound.bytes);
}

}  // namespace

TokenCounts LongestTokens(const Recipe& recipe) {
  TokenCounts t;
  const bool rl = recipe.kind == "rl";
  const int64_t max_tokens = MostResponseTokens(recipe), prompt = recipe.data.max_prompt_tokens;
  const int64_t k = rl ? recipe.rollout.group_size : recipe.eval.k;
  const int64_t per_round =
      rl ? std::max(recipe.rollout.gen_prompts, recipe.data.prompts_per_step) : 0;
  const bool evaluates = recipe.eval.after || recipe.eval.before;
  if (rl || evaluates) {
    const int64_t most = std::max(per_round * recipe.rollout.group_size,
                                  evaluates ? recipe.eval.prompts * recipe.eval.k : 0);
    t.sequences =
        std::min(recipe.rollout.options.max_sequences, recipe.eval.prompts == 0 && evaluates
                                                           ? recipe.rollout.options.max_sequences
                                                           : std::max<int64_t>(most, 1));
    t.cache = t.sequences * max_tokens + DivideUp(t.sequences, k) * prompt;
    t.prefill = std::max(recipe.rollout.options.prefill_tokens, prompt) + t.sequences;
  }
  // A micro-batch has whole groups: at least one, at most a mini-batch.
  t.unit = LongestTreeTokens(recipe);
  const int64_t mini = recipe.update.mini_batch_prompts > 0 ? recipe.update.mini_batch_prompts
                                                            : recipe.data.prompts_per_step;
  const int64_t most = rl ? mini * t.unit : recipe.supervised.tokens_per_step;
  t.micro_batch =
      std::min(most, std::max(recipe.update.micro_batch_tokens, rl ? t.unit : int64_t{0}));
  t.segments = DivideUp(t.micro_batch, t.unit) * (rl ? 1 + recipe.rollout.group_size : 1);
  t.step = rl ? recipe.data.prompts_per_step * t.unit : most;
  return t;
}

MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& c,
                              const TokenCounts& tokens) {
  const ComputeType compute = ParseComputeType(recipe.compute);
  const int64_t element = ElementBytes(compute), parameters = c.NumParameters();
  MemoryEstimate e;
  e.weights = 4 * parameters;
  e.packed = 2 * element * parameters;
  int64_t trained = parameters;
  if (recipe.lora.on()) {
    trained = NumAdapterParameters(c, recipe.lora);
    e.weights += 4 * trained;
    e.packed += 2 * element * trained;
  }
  if (Quantizes(recipe)) e.packed += Int8Bytes(c);
  const bool apart = c.tie_word_embeddings && !recipe.lora.on();
  e.gradient = 4 * (trained + (apart ? c.vocab_size * c.hidden_size : 0));
  e.moments = 8 * trained;
  const ActivationBound bound = BoundOf(recipe);
  const int64_t pool = KvCacheBytes(c, compute, Pages(tokens.micro_batch, tokens.segments));
  int64_t models = 1;  // that run micro-batches
  if (recipe.kind == "rl") {
    const StepMethods methods = MakeMethods(recipe, 1, {});
    const Needs needs = methods.needs();
    const auto add = [&](bool learns, bool critic = false) {
      ModelConfig config = c;
      config.value_head = critic;
      ++models;
      e.others += SecondModelBytes(parameters, element, learns) +
                  PassBytes(config, bound, tokens.micro_batch, learns) + pool;
    };
    if (needs.reference || needs.second_model() ||
        (needs.process_reward && recipe.process_reward.reference == "reference")) {
      add(/*learns=*/false);
    }
    if (needs.values) add(/*learns=*/true, /*critic=*/true);
    if (needs.process_reward) add(recipe.process_reward.update != "none");
  }
  if (tokens.sequences > 0) {
    e.kv_cache = KvCacheBytes(c, compute, Pages(tokens.cache, tokens.sequences));
    const int64_t rows = std::min(tokens.sequences, SampleRows(c.vocab_size));
    e.sampling = ForwardBytes(c, tokens.prefill) - HeadBytes(c) +
                 4 * rows * (c.vocab_size + 2 * c.hidden_size);
  }
  e.activations = PassBytes(c, bound, tokens.micro_batch, /*learns=*/true) + pool;
  const int64_t sample = e.kv_cache + e.sampling;
  e.rest = kProgram + kArrays * kHugePage / 2 + kStepTokenBytes * tokens.step;
  if (std::max(e.kv_cache, pool) / (2 * c.num_hidden_layers) < kKeptByAllocator) {
    e.rest += std::min(sample, e.activations);
    // A pool of pages that grows leaves the smaller ones behind, together about as large again.
    e.rest += e.kv_cache + pool * models;
  }
  return e;
}

MemoryEstimate EstimateMemory(const Recipe& recipe, const ModelConfig& model) {
  return EstimateMemory(recipe, model, LongestTokens(recipe));
}

int64_t FreeMemory() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) return 1024 * std::stoll(line.substr(13));
  }
  return 0;
}

std::vector<MemorySaving> MemorySavings(
    const Recipe& recipe, const ModelConfig& model,
    const std::function<Recipe(const std::vector<std::string>&)>& reload) {
  std::vector<MemorySaving> tries;
  const auto add = [&](const std::string& text, const char* cost) {
    tries.push_back({text, 0, cost});
  };
  const bool rl = recipe.kind == "rl";
  const TokenCounts longest = LongestTokens(recipe);
  if (recipe.compute == "fp32") add("compute=bf16", "rounded inputs of products");
  if (!recipe.update.recompute) add("update.recompute=true", "a second forward pass in the update");
  // Half of what it is, or what the largest tree needs.
  const int64_t least = ActivationBytes(model, longest.unit, /*kept_layers=*/1);
  const int64_t now_held = PassBytes(model, BoundOf(recipe), longest.micro_batch, /*learns=*/true);
  if (const int64_t bound = std::max(now_held / 2, least); bound < now_held) {
    add(fmt::format("update.activation_memory={}MiB", DivideUp(bound, kMiB)),
        "what does not fit is computed again, or in smaller micro-batches");
  }
  const int64_t half = recipe.update.micro_batch_tokens / 2;
  if (half >= 1 && longest.micro_batch > (rl ? longest.unit : 1))
    add(fmt::format("update.micro_batch_tokens={}", half), "smaller matrix products");
  if (rl && recipe.rollout.options.max_sequences > 1) {
    add(fmt::format("rollout.max_sequences={}", recipe.rollout.options.max_sequences / 2),
        "fewer sequences decoded together");
  }
  if (!recipe.lora.on() && recipe.kind != "pretrain")
    add("lora.rank=16", "adapters are trained, not every weight");
  const int64_t now = EstimateMemory(recipe, model).total();
  std::vector<MemorySaving> savings;
  for (MemorySaving& s : tries) {
    s.bytes = now - EstimateMemory(reload({s.override_text}), model).total();
    if (s.bytes > 0) savings.push_back(std::move(s));
  }
  std::sort(savings.begin(), savings.end(),
            [](const MemorySaving& a, const MemorySaving& b) { return a.bytes > b.bytes; });
  return savings;
}

}  // namespace rlvr
