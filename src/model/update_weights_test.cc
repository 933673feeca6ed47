// Model::UpdateWeights against a step over the flat array and WeightsChanged.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "base/thread_pool.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

void ExpectSameBytes(const PackedWeight& a, const PackedWeight& b, const std::string& what) {
  ASSERT_EQ(a.bytes(), b.bytes()) << what;
  if (a.bytes() == 0) return;  // a value head has none
  EXPECT_EQ(std::memcmp(a.data.data(), b.data.data(), static_cast<size_t>(a.data.size())), 0)
      << what;
}

void ExpectSamePacking(const Model& a, const Model& b) {
  for (size_t l = 0; l < a.packed_layers().size(); ++l) {
    const Model::PackedLayer &x = a.packed_layers()[l], &y = b.packed_layers()[l];
    const std::string layer = "layer " + std::to_string(l);
    ExpectSameBytes(x.qkv, y.qkv, layer);
    ExpectSameBytes(x.o, y.o, layer);
    ExpectSameBytes(x.gate_up, y.gate_up, layer);
    ExpectSameBytes(x.down, y.down, layer);
    ExpectSameBytes(x.qkv_t, y.qkv_t, layer);
    ExpectSameBytes(x.o_t, y.o_t, layer);
    ExpectSameBytes(x.gate_up_t, y.gate_up_t, layer);
    ExpectSameBytes(x.down_t, y.down_t, layer);
  }
  ExpectSameBytes(a.packed_head(), b.packed_head(), "head");
  ExpectSameBytes(a.packed_head_t(), b.packed_head_t(), "head");
}

// What an element becomes depends on the element and its parameter.
float After(float weight, const Parameter& p, int64_t element) {
  return weight * (p.decay ? 0.5f : 3.0f) + static_cast<float>(element % 7);
}

void Check(Model updated, Model expected) {
  const Model::Trainable trainable = expected.trainable();
  float* weights = expected.trainable_weights();
  for (const Parameter& p : *trainable.parameters) {
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) weights[i] = After(weights[i], p, i);
  }
  expected.WeightsChanged(/*for_training=*/true);

  std::vector<std::atomic<int>> calls(static_cast<size_t>(trainable.total));
  float* own = updated.trainable_weights();
  updated.UpdateWeights([&](const Parameter& p, int64_t begin, int64_t end) {
    EXPECT_GE(begin, p.offset);
    EXPECT_LE(end, p.offset + p.size()) << p.name;
    for (int64_t i = begin; i < end; ++i) {
      own[i] = After(own[i], p, i);
      ++calls[static_cast<size_t>(i)];
    }
  });
  for (const Parameter& p : *trainable.parameters) {
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) {
      ASSERT_EQ(calls[static_cast<size_t>(i)], 1) << p.name << " " << i - p.offset;
      ASSERT_EQ(own[i], weights[i]) << p.name << " " << i - p.offset;
    }
  }
  ExpectSamePacking(updated, expected);
}

TEST(UpdateWeights, IsAStepOverAllThenPacking) {
  for (const int threads : {1, 3}) {
    SetNumThreads(threads);
    for (const std::string& family : FamilyNames()) {
      for (const bool tied : {true, false}) {
        SCOPED_TRACE(family + (tied ? ", tied" : ""));
        const ModelConfig c = OfFamily(family, TinyConfig(tied));
        Check(RandomModel(c, ComputeType::kBf16, 1, 0.3),
              RandomModel(c, ComputeType::kBf16, 1, 0.3));
      }
    }
  }
  SetNumThreads(0);
}

TEST(UpdateWeights, OfAValueHeadAndOfAdapters) {
  ModelConfig c = TinyConfig(false);
  Check(RandomLoraModel(c, ComputeType::kFp32, 1, 0.3),
        RandomLoraModel(c, ComputeType::kFp32, 1, 0.3));
  c.value_head = true;
  Check(RandomModel(c, ComputeType::kFp32, 1, 0.3), RandomModel(c, ComputeType::kFp32, 1, 0.3));
}

TEST(UpdateWeights, ASamplerIn8BitsFollows) {
  const ModelConfig c = TinyConfig(true);
  Model updated = RandomModel(c, ComputeType::kBf16, 1, 0.3),
        expected = RandomModel(c, ComputeType::kBf16, 1, 0.3);
  updated.QuantizeSampler();
  updated.UpdateWeights([&](const Parameter&, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) updated.weights()[i] *= 2;
  });
  for (int64_t i = 0; i < expected.layout().total; ++i) expected.weights()[i] *= 2;
  expected.QuantizeSampler();
  expected.WeightsChanged(true);
  ExpectSamePacking(updated.sampler(), expected.sampler());
}

}  // namespace
}  // namespace rlvr
