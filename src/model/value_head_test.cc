#include "model/value_head.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "model/hf_folder.h"
#include "model/test_models.h"

namespace rlvr {
namespace {

// score = (1, 2, 0, ...), bias .5; h0 = (1, -1, 0, ...), h1 = (0, 3, 7, 0, ...).
//   V(h0) = 1 - 2 + .5 = -.5,  V(h1) = 6 + .5 = 6.5
// and for coefficients 2 on h1, -1 on h0, 4 on h1 again:
//   dscore = -h0 + 6 h1 = (-1, 19, 42, 0, ...), dbias = 5, dh0 = -score, dh1 = 6 score.
TEST(ValueHead, ByHand) {
  ModelConfig config = TinyConfig(true);
  config.value_head = true;
  Model model(config, ComputeType::kFp32);
  const int64_t D = config.hidden_size;
  float* score = model.weights() + model.layout().score;
  score[0] = 1;
  score[1] = 2;
  model.weights()[model.layout().score_bias] = 0.5f;
  std::vector<float> hidden(static_cast<size_t>(3 * D)), dhidden(hidden.size(), 9.0f);
  hidden[0] = 1;
  hidden[1] = -1;
  hidden[static_cast<size_t>(D) + 1] = 3;
  hidden[static_cast<size_t>(D) + 2] = 7;
  const std::vector<int64_t> rows = {1, 0, 1};
  EXPECT_EQ(ValueForward(model, {hidden.data(), 3, D}, rows),
            (std::vector<float>{6.5f, -0.5f, 6.5f}));

  std::vector<float> gradient(static_cast<size_t>(model.layout().total));
  const std::vector<float> coefficients = {2, -1, 4};
  ValueBackward(model, {hidden.data(), 3, D}, rows, coefficients, {dhidden.data(), 3, D},
                gradient.data());
  const float* dscore = gradient.data() + model.layout().score;
  EXPECT_EQ(std::vector<float>(dscore, dscore + 4), (std::vector<float>{-1, 19, 42, 0}));
  EXPECT_EQ(gradient[static_cast<size_t>(model.layout().score_bias)], 5);
  std::vector<float> want(hidden.size());
  want[0] = -1;
  want[1] = -2;
  want[static_cast<size_t>(D)] = 6;
  want[static_cast<size_t>(D) + 1] = 12;
  EXPECT_EQ(dhidden, want);  // row 2 has no entry: 0
}

// A policy's folder becomes a critic whose head is 0; a critic's folder comes back as it was.
TEST(ValueHead, Folders) {
  const std::string folder = testing::TempDir() + "value_head";
  const Model policy = RandomModel(TinyConfig(false), ComputeType::kFp32, 1, 0.1);
  SaveModel(folder + "/policy", policy, DType::kF32);
  ModelConfig config = LoadConfig(folder + "/policy");
  EXPECT_FALSE(config.value_head);
  config.value_head = true;
  Model critic(config, ComputeType::kFp32);
  LoadWeights(folder + "/policy", &critic);
  EXPECT_EQ(critic.weights()[critic.layout().layers[1].q_proj],
            policy.weights()[policy.layout().layers[1].q_proj]);
  EXPECT_EQ(critic.weights()[critic.layout().score + 3], 0);

  critic.weights()[critic.layout().score + 3] = 0.25f;
  critic.weights()[critic.layout().score_bias] = -2;
  SaveModel(folder + "/critic", critic, DType::kF32);
  const ModelConfig again = LoadConfig(folder + "/critic");
  EXPECT_TRUE(again.value_head);
  Model loaded(again, ComputeType::kFp32);
  LoadWeights(folder + "/critic", &loaded);
  EXPECT_EQ(std::vector<float>(loaded.weights(), loaded.weights() + loaded.layout().total),
            std::vector<float>(critic.weights(), critic.weights() + critic.layout().total));
}

}  // namespace
}  // namespace rlvr
