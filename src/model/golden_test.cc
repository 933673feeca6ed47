// A model that transformers wrote, and what transformers and torch compute with it
// (tools/reference/qwen3_tiny.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/hf_folder.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

const char kFolder[] = RLVR_SOURCE_DIR "/tests/golden/qwen3_tiny";

TEST(Golden, LogProbsAndGradientOfTransformers) {
  const SafetensorsFile reference(std::string(kFolder) + "/reference.safetensors");
  Model model(LoadConfig(kFolder), ComputeType::kFp32);
  LoadWeights(kFolder, &model);
  model.WeightsChanged(true);
  EXPECT_EQ(model.config().rope_theta, 1e6);

  std::vector<int64_t> tokens(reference.tensors().at("tokens").NumElements());
  std::memcpy(tokens.data(), reference.Bytes("tokens").data(), tokens.size() * sizeof(int64_t));
  Tree tree;  // everything after the first token is scored
  tree.segments.resize(2);
  tree.segments[0].tokens = {static_cast<int32_t>(tokens[0])};
  tree.segments[1].parent = 0;
  tree.segments[1].author = Author::kPolicy;
  tree.segments[1].tokens.assign(tokens.begin() + 1, tokens.end());

  const int64_t T = static_cast<int64_t>(tokens.size()), D = model.config().hidden_size;
  KvCache cache(model.config(), model.compute());
  const Tree* const trees[] = {&tree};
  const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
  Workspace workspace;
  Activations activations;
  std::vector<float> hidden(T * D), dhidden(T * D), gradient(model.layout().total, 0.0f);
  Forward(model, packed.batch, cache, workspace, &activations, {hidden.data(), T, D});
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  for (const Prediction& p : packed.predictions) {
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  ASSERT_EQ(rows.size(), tokens.size() - 1);
  const std::vector<float> ones(rows.size(), 1.0f);
  std::vector<float> logp(rows.size()), want_logp(rows.size());
  const Statistic wanted[] = {Statistic::kLogp};
  HeadBackward(model, {hidden.data(), T, D}, rows, targets, 1, wanted, {ones},
               packed.batch.unit_begin, {dhidden.data(), T, D}, gradient.data(), {logp});
  Backward(model, packed.batch, cache, workspace, activations, {dhidden.data(), T, D},
           gradient.data());

  reference.ReadFloats("logp", want_logp.data());
  for (size_t i = 0; i < logp.size(); ++i) EXPECT_NEAR(logp[i], want_logp[i], 1e-5) << i;
  for (const Parameter& p : model.layout().parameters) {
    ASSERT_EQ(reference.tensors().at("gradient." + p.name).shape, p.shape) << p.name;
    std::vector<float> want(p.size());
    reference.ReadFloats("gradient." + p.name, want.data());
    float largest = 0;
    for (const float g : want) largest = std::max(largest, std::abs(g));
    for (int64_t i = 0; i < p.size(); ++i)
      ASSERT_NEAR(gradient[p.offset + i], want[i], 1e-5 * largest) << p.name << " element " << i;
  }
}

}  // namespace
}  // namespace rlvr
