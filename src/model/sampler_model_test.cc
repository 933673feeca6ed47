// A model's sampler: its layers in 8 bits, all else shared.
#include <gtest/gtest.h>

#include <cmath>

#include "model/test_models.h"
#include "tensor/gemm_int8.h"

namespace rlvr {
namespace {

std::unique_ptr<Model> Random(const ModelConfig& config) {
  auto model = std::make_unique<Model>(config, ComputeType::kBf16);
  InitializeParameters(config, model->layout(), RandomKey(1), model->weights());
  return model;
}

std::vector<float> Hidden(const Model& model) {
  const ModelConfig& c = model.config();
  Tree tree;
  tree.segments.push_back({.tokens = {3, 1, 4, 1, 5, 9, 2, 6}});
  const Tree* trees[] = {&tree};
  KvCache cache(c, model.compute());
  const PackedTrees packed = PackTrees(trees, Author::kPrompt, &cache);
  std::vector<float> hidden(static_cast<size_t>(packed.batch.size() * c.hidden_size));
  Workspace workspace;
  Forward(model, packed.batch, cache, workspace, nullptr,
          {hidden.data(), packed.batch.size(), c.hidden_size});
  return hidden;
}

TEST(SamplerModel, IsTheModelUntilItIsQuantised) {
  const auto model = Random(TinyConfig(true));
  EXPECT_EQ(&model->sampler(), model.get());
  model->QuantizeSampler();
  EXPECT_NE(&model->sampler(), model.get());
  EXPECT_EQ(&model->sampler(), &model->sampler().sampler());
}

TEST(SamplerModel, SharesAllButTheLayersMatrices) {
  const auto model = Random(SmallConfig(false));
  model->QuantizeSampler();
  model->WeightsChanged(true);
  const Model& sampler = model->sampler();
  EXPECT_EQ(sampler.weights(), model->weights());
  EXPECT_EQ(&sampler.packed_head(), &model->packed_head());
  EXPECT_EQ(&sampler.rope(), &model->rope());
  for (size_t l = 0; l < 2; ++l) {
    const Model::PackedLayer &q = sampler.packed_layers()[l], &p = model->packed_layers()[l];
    for (const auto* w : {&q.qkv, &q.o, &q.gate_up, &q.down}) EXPECT_TRUE(w->int8());
    for (const auto* w : {&p.qkv, &p.o, &p.gate_up, &p.down}) EXPECT_FALSE(w->int8());
    EXPECT_EQ(q.qkv_t.bytes(), 0);
  }
}

// One forward for both: near the model's, and not equal to it; new after every change of the weights.
TEST(SamplerModel, FollowsTheWeights) {
  const auto model = Random(SmallConfig(true));
  model->QuantizeSampler();
  model->WeightsChanged(true);
  const auto far = [](const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(a[i] - b[i], 2);
      size += std::pow(b[i], 2);
    }
    return std::sqrt(difference / size);
  };
  const auto before = Hidden(model->sampler());
  const double first = far(before, Hidden(*model));
  EXPECT_GT(first, 1e-5);
  EXPECT_LT(first, 0.05);
  for (int64_t i = 0; i < model->layout().total; ++i)
    model->weights()[i] *= i % 2 == 0 ? 1.5f : 0.7f;
  model->WeightsChanged(true);
  EXPECT_GT(far(Hidden(model->sampler()), before), 0.1);
  EXPECT_LT(far(Hidden(model->sampler()), Hidden(*model)), 0.05);
}

// With adapters it is the sum that is rounded, as for the policy that trains.
TEST(SamplerModel, HasTheMergedWeightsInEightBits) {
  const ModelConfig c = SmallConfig(true);
  const auto model = Random(c);
  model->AddAdapters({.rank = 3, .target_modules = {"q_proj", "o_proj", "down_proj"}});
  ::rlvr::Random noise{RandomKey(4)};
  for (int64_t i = 0; i < model->lora()->total(); ++i)
    model->lora()->weights()[i] = static_cast<float>(0.2 * noise.Normal());
  model->QuantizeSampler();
  model->WeightsChanged(true);
  for (const auto& [projection, packed] :
       {std::pair(Projection::kO, &model->sampler().packed_layers()[1].o),
        std::pair(Projection::kDown, &model->sampler().packed_layers()[1].down)}) {
    const ProjectionWeight w = WeightOf(c, model->layout().layers[1], projection);
    AlignedBuffer<float> sum(w.rows * w.cols);
    const View<const float> own = model->Matrix(w.offset, w.rows, w.cols);
    model->lora()->Merge(1, projection, own, {sum.data(), w.rows, w.cols});
    std::vector<float> x(static_cast<size_t>(w.cols)), y(static_cast<size_t>(w.rows)), want = y,
                                                                                       plain = y;
    for (float& v : x) v = static_cast<float>(noise.Normal());
    const View<const float> row(x.data(), 1, w.cols);
    MatMul(row, *packed, {y.data(), 1, w.rows});
    ref::MatMulInt8(row, {sum.data(), w.rows, w.cols}, {want.data(), 1, w.rows}, Epilogue::kStore);
    ref::MatMulInt8(row, own, {plain.data(), 1, w.rows}, Epilogue::kStore);
    EXPECT_EQ(y, want);
    EXPECT_NE(y, plain);
  }
}

}  // namespace
}  // namespace rlvr
