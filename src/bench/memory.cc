#include "bench/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/thread_pool.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "train/credit.h"

namespace rlvr {
namespace {

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t kMiB = 1 << 20;
// The program with its tables, tokenizer and prompts, and what the allocator keeps for each thread.
constexpr int64_t kProgram = 60 * kMiB;
// Arrays end in the middle of a huge page (tensor/view.cc); so many besides those of the layers.
constexpr int64_t kHugePage = 2 * kMiB, kWorkspaceArrays = 20;
// Trees, rows and the objective's fields, by a token that trains in the step.
constexpr int64_t kStepTokenBytes = 500;
// glibc keeps what is smaller when it is freed (M_MMAP_THRESHOLD's largest value).
constexpr int64_t kKeptByAllocator = 32 * kMiB;

constexpr int64_t kScorePiece = 4096;  // rows that TreePasses::Score copies at once

// A segment's last page is half empty.
int64_t Pages(int64_t tokens, int64_t segments) {
  return DivideUp(tokens, kPageTokens) + segments / 2;
}

int64_t ElementBytes(ComputeType compute) { return compute == ComputeType::kBf16 ? 2 : 4; }

// Rows of logits at once: as ChunkRows of model/head.cc and SampleRows of rollout/scheduler.cc.
int64_t HeadRows(int64_t vocab) {
  return std::clamp<int64_t>((int64_t{16} << 20) / vocab, 16, kGemmChunk);
}
int64_t SampleRows(int64_t vocab) {
  return std::clamp<int64_t>((int64_t{8} << 20) / vocab, 16, 1024);
}

// Floats a token of one layer's saved arrays (Activations::Layer) ...
int64_t SavedFloats(const ModelConfig& c) {
  const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  const int64_t norms = c.qk_norm ? c.num_attention_heads + c.num_key_value_heads : 0;
  return 2 * c.hidden_size + 2 + (q + 2 * kv) + q + (c.qk_norm ? q : 0) +
         2 * c.num_attention_heads + norms + 2 * c.intermediate_size;
}
// ... of a forward pass's workspace, and of what backward adds to it.
int64_t ForwardFloats(const ModelConfig& c) {
  const int64_t k = c.qk_norm ? c.num_key_value_heads * c.head_dim : 0;
  return 2 * c.hidden_size + k + c.intermediate_size;
}
int64_t BackwardFloats(const ModelConfig& c) {
  const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  return 2 * c.hidden_size + (q + 2 * kv) + q + 3 * c.intermediate_size;
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

// Whether the policy is also run forward alone: on what its quantised copy sampled, for what a method
// asks of the policy that sampled, or for an objective over a whole mini-batch after the first update
// of a step.
bool ScoresPolicy(const Recipe& recipe, const StepMethods& methods) {
  if (Quantizes(recipe) || !methods.needs().behaviour.empty()) return true;
  const int64_t mini = recipe.update.mini_batch_prompts;
  const bool later = recipe.update.epochs > 1 || (mini > 0 && mini < recipe.data.prompts_per_step);
  return later && !methods.objective->separable();
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

int64_t ActivationBytes(const ModelConfig& c, const TokenCounts& tokens, bool recompute) {
  const int64_t L = c.num_hidden_layers, D = c.hidden_size, V = c.vocab_size;
  const int64_t saved = SavedFloats(c), T = tokens.micro_batch;
  // With recompute each layer keeps its input, and one layer's arrays are at work.
  const int64_t kept = recompute ? L * D + saved - D : L * saved;
  const int64_t passes = 2 * D + D + 1;  // hidden and its gradient, the last layer's output
  const int64_t a_token = kept + ForwardFloats(c) + BackwardFloats(c) + passes;
  const int64_t rows = std::min(T, HeadRows(V));
  const int64_t head = rows * (V + 2 * D);
  // Keys, values and their transpose of a range of one tree's rows for each thread of attention's
  // backward.
  const int64_t range = std::min(tokens.unit, kAttentionRangeRows);
  const int64_t attention = 3 * c.head_dim * range * NumThreads();
  return 4 * (T * a_token + head + attention);
}

namespace {

// Passes over a micro-batch: forward and backward, or forward alone (TreePasses).
int64_t UpdateBytes(const ModelConfig& c, ComputeType compute, const TokenCounts& tokens,
                    bool recompute) {
  return ActivationBytes(c, tokens, recompute) +
         KvCacheBytes(c, compute, Pages(tokens.micro_batch, tokens.segments));
}
int64_t ScoringBytes(const ModelConfig& c, ComputeType compute, const TokenCounts& tokens) {
  const int64_t a_token = SavedFloats(c) - 2 * c.hidden_size + ForwardFloats(c) + c.hidden_size;
  return 4 * (tokens.micro_batch * a_token +
              std::min(tokens.micro_batch, kScorePiece) * c.hidden_size) +
         KvCacheBytes(c, compute, Pages(tokens.micro_batch, tokens.segments));
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
  t.unit = rl ? prompt + recipe.rollout.group_size * max_tokens
              : std::min(recipe.supervised.tokens_per_step, prompt + max_tokens);
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
  int64_t scoring = 0;  // of the policy
  int64_t models = 1;   // that run micro-batches
  if (recipe.kind == "rl") {
    const StepMethods methods = MakeMethods(recipe, 1, {});
    const Needs needs = methods.needs();
    if (ScoresPolicy(recipe, methods))
      scoring = 4 * tokens.micro_batch * (SavedFloats(c) - 2 * c.hidden_size);
    const auto add = [&](bool learns) {
      ++models;
      e.others += SecondModelBytes(parameters, element, learns) +
                  (learns ? UpdateBytes(c, compute, tokens, recipe.update.recompute)
                          : ScoringBytes(c, compute, tokens));
    };
    if (needs.reference || needs.second_model() ||
        (needs.process_reward && recipe.process_reward.reference == "reference")) {
      add(/*learns=*/false);
    }
    if (needs.values) add(/*learns=*/true);
    if (needs.process_reward) add(recipe.process_reward.update != "none");
  }
  if (tokens.sequences > 0) {
    e.kv_cache = KvCacheBytes(c, compute, Pages(tokens.cache, tokens.sequences));
    const int64_t rows = std::min(tokens.sequences, SampleRows(c.vocab_size));
    e.sampling = 4 * (tokens.prefill * (SavedFloats(c) + ForwardFloats(c)) +
                      rows * (c.vocab_size + 2 * c.hidden_size));
  }
  e.activations = UpdateBytes(c, compute, tokens, recipe.update.recompute) + scoring;
  const int64_t sample = e.kv_cache + e.sampling;
  const int64_t arrays = (recipe.update.recompute ? 1 : 6) * c.num_hidden_layers +
                         4 * c.num_hidden_layers + kWorkspaceArrays;
  e.rest = kProgram + arrays * kHugePage / 2 + kStepTokenBytes * tokens.step;
  const int64_t pool = KvCacheBytes(c, compute, Pages(tokens.micro_batch, tokens.segments));
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

std::string SizeText(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
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
