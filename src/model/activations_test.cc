#include "model/activations.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/thread_pool.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

// D 16, 3 layers, 4 heads of 8 with 2 KV heads, F 24, V 37.
ModelConfig ThreeLayers(const std::string& family = "qwen3") {
  ModelConfig c = TinyConfig(true);
  c.num_hidden_layers = 3;
  c.max_position_embeddings = 256;
  return OfFamily(family, c);
}

// Of 16 tokens, so that every array is a multiple of 64 bytes.
TEST(ActivationBytes, ByHand) {
  const ModelConfig c = ThreeLayers();
  SetNumThreads(1);
  const int64_t D = 16, q = 32, kv = 16, F = 24, H = 4, K = 2, V = 37;
  // qkv, q, attention, norms' factors, scores, gate and up, middle
  const int64_t layer = (q + 2 * kv) + q + q + (1 + 1 + H + K) + 2 * H + 2 * F + D;
  const int64_t work = 2 * D + kv + F;                             // forward's
  const int64_t gradients = 2 * D + (q + 2 * kv) + q + 2 * F + F;  // backward's
  const int64_t outside = 2 * D + 3 * D + D + 1;  // hidden and dhidden, inputs, output with factor
  const int64_t head = 512 * (V + 2 * D), attention = 3 * 8 * (512 + 32);
  for (int64_t kept = 1; kept <= 3; ++kept) {
    EXPECT_EQ(ActivationBytes(c, 16, kept),
              4 * (16 * (kept * layer + work + gradients + outside) + head + attention));
  }
  EXPECT_EQ(ActivationBytes(c, 16, kAllLayers), ActivationBytes(c, 16, 3));
  EXPECT_EQ(ForwardBytes(c, 16), 4 * (16 * (layer - D + work + 2 * D) + head));
  SetNumThreads(0);
}

TEST(ActivationBytes, KeptLayersAndMostTokens) {
  const ModelConfig c = ThreeLayers();
  const int64_t T = 100;
  EXPECT_EQ(KeptLayers(c, {}, T), 3);
  EXPECT_EQ(KeptLayers(c, {.recompute = true}, T), 1);
  for (int64_t kept = 1; kept <= 3; ++kept) {
    const int64_t bytes = ActivationBytes(c, T, kept);
    EXPECT_EQ(KeptLayers(c, {.bytes = bytes}, T), kept);
    EXPECT_EQ(KeptLayers(c, {.bytes = bytes - 1}, T), kept - 1);
    EXPECT_EQ(KeptLayers(c, {.recompute = true, .bytes = bytes}, T), 1);
  }
  const int64_t most = MostTokens(c, {.bytes = ActivationBytes(c, T, 1)});
  EXPECT_EQ(ActivationBytes(c, most, 1), ActivationBytes(c, T, 1));
  EXPECT_GT(ActivationBytes(c, most + 1, 1), ActivationBytes(c, T, 1));
  EXPECT_GE(most, T);
  EXPECT_EQ(MostTokens(c, {.bytes = 1000}), 0);
  EXPECT_EQ(KeptLayers(c, {.bytes = 1000}, 1), 0);
  EXPECT_GT(MostTokens(c, {}), int64_t{1} << 30);
}

// The block of a pass has the bytes that were promised, whatever was run before, and the head's buffers
// no more than theirs.
TEST(ActivationBytes, AreWhatIsAllocated) {
  for (const std::string& family : FamilyNames()) {
    ModelConfig c = ThreeLayers(family);
    if (!c.sliding_layers.empty()) c.sliding_layers = {false, true, false};
    const Model model = RandomModel(c, ComputeType::kBf16, 3, 0.2);
    const Tree large = RandomTree(c, 1, 11), small = RandomTree(c, 2, 3);
    for (const int threads : {1, 2}) {
      SetNumThreads(threads);
      for (int64_t kept = 1; kept <= 3; ++kept) {
        Workspace workspace;
        workspace.own_matrices = 2;
        Activations saved;
        saved.kept_layers = kept;
        KvCache cache(c, ComputeType::kBf16);
        int64_t most = 0;
        for (const std::vector<const Tree*>& trees :
             {std::vector{&small}, {&large, &small, &small, &large}, {&small, &small}}) {
          const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
          const int64_t T = packed.batch.size();
          Forward(model, packed.batch, cache, workspace, nullptr, {});
          Forward(model, packed.batch, cache, workspace, &saved, {});
          std::vector<float> gradient(model.layout().total);
          Backward(model, packed.batch, cache, workspace, saved, workspace.Own(0, T, c.hidden_size),
                   gradient.data());
          const int64_t beside = ActivationBytes(c, 0, 1);  // head and attention
          most = std::max(most, ActivationBytes(c, T, kept) - beside);
          EXPECT_EQ(workspace.bytes(), most) << family << ", " << kept << " kept";
        }
      }
    }
  }
  SetNumThreads(0);
}

TEST(ActivationBytes, OfTheHead) {
  const ModelConfig c = SmallConfig(false);
  const Model model = RandomModel(c, ComputeType::kBf16, 3, 0.2);
  std::thread([&] {  // buffers are a thread's
    EXPECT_EQ(HeadBytesHeld(), 0);
    const int64_t D = c.hidden_size;
    for (const int64_t T : {600, 100}) {
      std::vector<float> hidden(T * D, 0.1f), dhidden(T * D), gradient(model.layout().total);
      const std::vector<int32_t> targets(T, 3);
      const std::vector<float> coefficients(T, 0.5f);
      std::vector<float> logp(T);
      std::vector<int64_t> rows(T);
      for (int64_t t = 0; t < T; ++t) rows[t] = t;
      const std::vector<int64_t> units = {0, T};
      const Statistic wanted[] = {Statistic::kLogp};
      HeadForward(model, {hidden.data(), T, D}, targets, 1, wanted, {logp});
      HeadBackward(model, {hidden.data(), T, D}, rows, targets, 1, wanted, {coefficients}, units,
                   {dhidden.data(), T, D}, gradient.data(), {});
      EXPECT_EQ(HeadBytesHeld(), HeadBytes(c)) << T;
    }
  })
      .join();
}

}  // namespace
}  // namespace rlvr
