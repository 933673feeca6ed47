#include "bench/memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/cases.h"
#include "model/kv_cache.h"

namespace rlvr {
namespace {

// D 32, 2 layers, 4 heads of 16 with 2 KV heads, F 48, V 128, tied.
ModelConfig Small() {
  ModelConfig c;
  c.vocab_size = 128;
  c.hidden_size = 32;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.head_dim = 16;
  c.intermediate_size = 48;
  c.max_position_embeddings = 512;
  return c;
}

Recipe SmallRecipe() {
  return LoadRecipe(
      "grpo", {"model=base_tiny", "regularizer=[]", "rollout={max_tokens: 32, group_size: 4}",
               "rollout.max_sequences=16", "data.max_prompt_tokens=64", "data.prompts_per_step=8",
               "update.micro_batch_tokens=400", "eval={before: false, after: false}"});
}

TEST(Memory, WeightsByHand) {
  const ModelConfig c = Small();
  // Embedding 128 x 32; a layer: q 64x32, k and v 32x32, o 32x64, gate, up, down 48x32, norms
  // 2 x 32 and 2 x 16; the last norm.
  const int64_t n = 4096 + 2 * (2048 + 2 * 1024 + 2048 + 3 * 1536 + 64 + 32) + 32;
  const MemoryEstimate e = EstimateMemory(SmallRecipe(), c);
  EXPECT_EQ(e.weights, 4 * n);
  EXPECT_EQ(e.packed, 2 * 2 * n);         // bf16, as it is and transposed
  EXPECT_EQ(e.gradient, 4 * (n + 4096));  // the head's part of the tied embedding apart
  EXPECT_EQ(e.moments, 8 * n);
  EXPECT_EQ(e.others, 0);
}

// A layer in 8 bits, outputs in panels of 32, a scale for each: q, k, v 128 x 32, o 32 x 64, gate and
// up 96 x 32, down 32 x 48.
TEST(Memory, QuantizedRolloutsByHand) {
  const ModelConfig c = Small();
  Recipe recipe = SmallRecipe();
  const int64_t before = EstimateMemory(recipe, c).packed;
  recipe.rollout.quantization = "int8";
  const int64_t int8 = 2 * (128 * 36 + 32 * 68 + 96 * 36 + 32 * 52);
  EXPECT_EQ(EstimateMemory(recipe, c).packed - before, int8);
  Model model(c, ComputeType::kBf16);
  model.WeightsChanged(true);
  const int64_t packed = model.packed_bytes();
  model.QuantizeSampler();
  model.WeightsChanged(true);
  EXPECT_EQ(model.packed_bytes() - packed, int8);
}

TEST(Memory, LongestTokensByHand) {
  const TokenCounts t = LongestTokens(SmallRecipe());
  EXPECT_EQ(t.sequences, 16);
  EXPECT_EQ(t.cache, 16 * 32 + 4 * 64);  // four groups of four are running
  EXPECT_EQ(t.unit, 64 + 4 * 32);
  EXPECT_EQ(t.micro_batch, 400);
}

TEST(Memory, ReferenceAndCritic) {
  const ModelConfig c = Small();
  const int64_t n = c.NumParameters();
  // Without tokens: the models alone.
  const auto others = [&](const Recipe& r) { return EstimateMemory(r, c, TokenCounts{}).others; };
  EXPECT_EQ(others(LoadRecipe("grpo", {"model=base_tiny"})), n * (4 + 2));  // its KL term
  EXPECT_EQ(others(LoadRecipe("ppo", {"model=base_tiny", "regularizer=[]"})), n * (4 + 4 + 12));
  EXPECT_EQ(others(LoadRecipe("grpo", {"model=base_tiny", "regularizer=[]"})), 0);
}

TEST(Memory, SamplingAndUpdateTakeTurns) {
  MemoryEstimate e;
  e.weights = 100;
  e.kv_cache = 30;
  e.sampling = 5;
  e.activations = 50;
  e.rest = 1;
  EXPECT_EQ(e.total(), 151);
  e.kv_cache = 60;
  EXPECT_EQ(e.total(), 166);
}

TEST(Memory, CacheGrowsAsKvCacheDoes) {
  const ModelConfig c = Small();
  for (const int64_t tokens : {1, 64 * 32, 64 * 32 + 1, 5000}) {
    KvCache cache(c, ComputeType::kBf16);
    const int32_t segment = cache.AddSegment(-1);
    std::vector<KvSlot> slots;
    cache.Append(segment, tokens, &slots);
    EXPECT_EQ(KvCacheBytes(c, ComputeType::kBf16, (tokens + 31) / 32), cache.bytes()) << tokens;
  }
}

// What ActivationBytes counts is tested where the passes are: model/activations_test.cc.
TEST(Memory, ActivationsAreThoseOfTheLargestMicroBatch) {
  const ModelConfig c = Small();
  Recipe recipe = SmallRecipe();
  const int64_t keys = KvCacheBytes(c, ComputeType::kBf16, 64);
  EXPECT_EQ(EstimateMemory(recipe, c).activations, ActivationBytes(c, 400, 2) + keys);
  recipe.update.recompute = true;
  EXPECT_EQ(EstimateMemory(recipe, c).activations, ActivationBytes(c, 400, 1) + keys);
}

TEST(Memory, ActivationMemoryBoundsEveryModelThatTrains) {
  const ModelConfig c = Small();
  Recipe recipe = LoadRecipe("ppo", {"model=base_tiny", "regularizer=[]"});
  const MemoryEstimate before = EstimateMemory(recipe, c);
  recipe.update.activation_memory = "10MiB";
  const MemoryEstimate after = EstimateMemory(recipe, c);
  ModelConfig critic = c;
  critic.value_head = true;
  const int64_t T = LongestTokens(recipe).micro_batch, bound = 10 << 20;
  EXPECT_GT(ActivationBytes(critic, T, kAllLayers), bound);
  EXPECT_EQ(before.activations - after.activations, ActivationBytes(c, T, kAllLayers) - bound);
  EXPECT_EQ(before.others - after.others, ActivationBytes(critic, T, kAllLayers) - bound);
}

TEST(Memory, SavingsNameKeys) {
  const std::vector<std::string> base = {"model=base_tiny", "regularizer=[]", "compute=fp32"};
  const auto reload = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = base;
    all.insert(all.end(), more.begin(), more.end());
    return LoadRecipe("grpo", all);
  };
  const auto savings = MemorySavings(reload({}), Small(), reload);
  ASSERT_FALSE(savings.empty());
  EXPECT_TRUE(std::any_of(savings.begin(), savings.end(), [](const MemorySaving& s) {
    return s.override_text.starts_with("update.activation_memory=");
  }));
  for (size_t i = 0; i < savings.size(); ++i) {
    EXPECT_GT(savings[i].bytes, 0);
    if (i > 0) {
      EXPECT_LE(savings[i].bytes, savings[i - 1].bytes);
    }
    EXPECT_EQ(EstimateMemory(reload({savings[i].override_text}), Small()).total(),
              EstimateMemory(reload({}), Small()).total() - savings[i].bytes);
  }
}

}  // namespace
}  // namespace rlvr
