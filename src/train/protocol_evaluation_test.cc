#include "train/protocol_evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "eval/policy.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

class ProtocolEvaluationTest : public testing::Test {
 protected:
  void SetUp() override { WriteTinyModelFolder(folder_.path() + "/model"); }
  Recipe Make(const std::string& eval) {
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:shards=true", validation: "gsm_micro:shards=true,max_steps=2"}
rollout: {max_tokens: 6}
eval: )" << eval << "\n";
    return LoadRecipe(folder_.path() + "/rl.yaml", {"model=" + folder_.path() + "/model"});
  }
  TempFolder folder_;
};

TEST_F(ProtocolEvaluationTest, MetricsFiguresAndConversations) {
  const Recipe recipe = Make(
      "{prompts: 17, protocol: lost_in_conversation, types: [sharded, full], simulations: 2, "
      "environment: {max_turns: 3}}");
  const Policy policy = LoadPolicy(recipe.model, ComputeType::kFp32, false);
  Metrics metrics;
  EvaluateProtocol(recipe, folder_.path(), 7, *policy.model, *policy.tokenizer, &metrics);
  EXPECT_EQ(metrics.at("val/lic/full/turns"), 1);
  EXPECT_FALSE(metrics.contains("val/lic/full/premature_turns"));
  EXPECT_GT(metrics.at("val/lic/sharded/turns"), 1);
  EXPECT_LE(metrics.at("val/lic/sharded/turns"), 3);  // max_turns
  EXPECT_EQ(metrics.at("val/lic/sharded/R90") + metrics.at("val/lic/sharded/U90_10"), 100);
  double shares = 0;
  for (const auto& [name, value] : metrics)
    shares += name.rfind("val/lic/sharded/strategy/", 0) == 0 ? value : 0;
  EXPECT_NEAR(shares, 1, 1e-9);

  const auto figures =
      nlohmann::json::parse(ReadFile(folder_.path() + "/protocol/step_000007.json"));
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[1]["type"], "sharded");
  EXPECT_EQ(figures[1]["num_conversations"], 17 * 2);
  EXPECT_EQ(figures[1]["P"]["mean"], metrics.at("val/lic/sharded/P"));
  const std::string talks = ReadFile(folder_.path() + "/protocol/step_000007.jsonl");
  EXPECT_EQ(std::count(talks.begin(), talks.end(), '\n'), 2 * 16 * 2);  // of the first 16 prompts
}

TEST_F(ProtocolEvaluationTest, RecipesSayWhatTheyHold) {
  const Recipe recipe = Make("{protocol: lost_in_conversation}");
  EXPECT_EQ(ProtocolTypes(recipe), (std::vector<std::string>{"full", "concat", "sharded"}));
  const ConfigNode* environment = recipe.resolved.Find("eval")->Find("environment");
  EXPECT_EQ(environment->Find("name")->scalar, "sharded");
  EXPECT_EQ(environment->Find("user")->Find("name")->scalar, "scripted");  // defaults are written
  try {
    Make("{protocol: lost_in_conversation, types: [shardet]}");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean 'sharded'"), std::string::npos) << e.what();
  }
  EXPECT_THROW(Make("{protocol: lost_in_conversation, environment: {usr: scripted}}"), Error);

  Metrics metrics;
  const Recipe plain = Make("{prompts: 1}");
  const Policy policy = LoadPolicy(plain.model, ComputeType::kFp32, false);
  EvaluateProtocol(plain, folder_.path(), 1, *policy.model, *policy.tokenizer, &metrics);
  EXPECT_TRUE(metrics.empty());
}

}  // namespace
}  // namespace rlvr
