#include "train/recipe.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

class RecipeTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
      LoadRecipe(Write("r.yaml", text), overrides);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  TempFolder folder_;
  const std::string rl_ = "model: somewhere\npolicy_loss: {name: ppo_clip}\n";
};

TEST_F(RecipeTest, ReadsAndResolves) {
  const Recipe r =
      LoadRecipe(Write("mine.yaml", rl_ + "rollout: {group_size: 8, stop: [\"\\n\\n\"]}\n"
                                          "reward: {overlong: {name: soft, buffer: 32}}\n"),
                 {"update.lr=3e-4", "seed=7"});
  EXPECT_EQ(r.name, "mine");
  EXPECT_EQ(r.seed, 7u);
  EXPECT_EQ(r.rollout.group_size, 8);
  EXPECT_EQ(r.rollout.options.stop, std::vector<std::string>{"\n\n"});
  EXPECT_EQ(r.reward.overlong.buffer, 32);
  EXPECT_EQ(r.update.optimizer.lr, 3e-4);
  EXPECT_EQ(r.update.optimizer.beta2, 0.999);
  // The resolved recipe reads back as itself, defaults written out.
  const std::string yaml = ToYaml(r.resolved);
  EXPECT_TRUE(Has(yaml, "beta2: 0.999") && Has(yaml, "name: group_normalized")) << yaml;
  const Recipe again = LoadRecipe(Write("other_name.yaml", yaml), {});
  EXPECT_EQ(ToYaml(again.resolved), yaml);
  EXPECT_EQ(again.name, "mine");
  EXPECT_EQ(again.rollout.options.stop, r.rollout.options.stop);
}

// A map in place of a number stays as it was written; lists of stages get their defaults.
TEST_F(RecipeTest, StagesResolve) {
  const std::string text =
      rl_ +
      "advantage: [{name: group_normalized}]\nreward_shaping: {name: random_reward}\n"
      "token_weight: [{name: forking_tokens, rho: {schedule: linear, from: 1, to: 0.2, "
      "steps: 10}}]\n";
  const std::string yaml = ToYaml(LoadRecipe(Write("a.yaml", text), {}).resolved);
  EXPECT_TRUE(Has(yaml, "schedule: linear") && Has(yaml, "scope: batch") && Has(yaml, "p: 0.5") &&
              Has(yaml, "eps: 1e-06"))
      << yaml;
  EXPECT_EQ(ToYaml(LoadRecipe(Write("b.yaml", yaml), {}).resolved), yaml);
}

// What belongs to a method stays with it; everything else is inherited.
TEST_F(RecipeTest, AnotherMethodInheritsNothing) {
  Write("base.yaml",
        "name: base\nmodel: somewhere\nreward: {name: auto, correct: 2, wrong: 0}\n"
        "policy_loss: {name: decoupled_clip, eps_low: 0.1, eps_high: 0.5, aggregate: token_sum, "
        "constant: 7}\nregularizer: [{name: kl, beta: 0.3}]\n");
  const std::string child = "extends: base.yaml\nreward: {name: math_rule}\n";
  const auto loss = [](const Recipe& r) {
    const ConfigNode& node = *r.resolved.Find("policy_loss");
    return node.Find("name")->scalar + " " + node.Find("eps_high")->scalar + " " +
           node.Find("aggregate")->scalar + " " + node.Find("constant")->scalar;
  };
  const Recipe plain = LoadRecipe(Write("child.yaml", child), {});
  EXPECT_EQ(plain.name, "child");
  EXPECT_EQ(plain.reward.name, "math_rule");
  EXPECT_EQ(plain.reward.correct, 2);
  EXPECT_EQ(plain.reward.wrong, 0);
  EXPECT_EQ(loss(plain), "decoupled_clip 0.5 token_sum 7");
  EXPECT_EQ(plain.resolved.Find("regularizer")->items.size(), 1u);
  // gspo's and cispo's own defaults, in the file and on the command line.
  const Recipe gspo =
      LoadRecipe(Write("gspo.yaml", child + "policy_loss: {name: gspo}\nregularizer: []\n"), {});
  EXPECT_EQ(loss(gspo), "gspo 0.0004 token_mean 0");
  EXPECT_TRUE(gspo.resolved.Find("regularizer")->items.empty());
  EXPECT_EQ(loss(LoadRecipe(folder_.path() + "/child.yaml", {"policy_loss.name=cispo"})),
            "cispo 4 token_mean 0");
  EXPECT_EQ(loss(LoadRecipe(folder_.path() + "/child.yaml",
                            {"policy_loss.eps_high=9", "policy_loss.name=cispo"})),
            "cispo 9 token_mean 0");
}

TEST_F(RecipeTest, ErrorsNameLineAndRemedy) {
  std::string e = ErrorOf(rl_ + "update:\n  lr: 1e-5\n  weigth_decay: 0.1\n");
  EXPECT_TRUE(Has(e, "r.yaml:5") && Has(e, "update.weigth_decay") && Has(e, "weight_decay")) << e;
  e = ErrorOf(rl_ + "rollout: {group_size: 0}\n");
  EXPECT_TRUE(Has(e, "r.yaml:3") && Has(e, "rollout.group_size")) << e;
  e = ErrorOf(rl_ + "compute: fp16\n");
  EXPECT_TRUE(Has(e, "r.yaml:3") && Has(e, "'compute' is 'fp16'")) << e;
  e = ErrorOf(rl_ + "reward: {overlong: {name: soft, buffer: 999999}}\n");
  EXPECT_TRUE(Has(e, "r.yaml:3") && Has(e, "overlong.buffer")) << e;
  e = ErrorOf(rl_ + "reward: {overlong: {name: soft, bufer: 3}}\n");
  EXPECT_TRUE(Has(e, "reward.overlong.bufer") && Has(e, "buffer")) << e;
  e = ErrorOf(rl_ + "update: {mini_batch_prompts: 64}\n", {"data.prompts_per_step=32"});
  EXPECT_TRUE(Has(e, "mini_batch_prompts")) << e;
  e = ErrorOf(rl_ + "rollout: {gen_prompts: 4}\n", {"data.prompts_per_step=32"});
  EXPECT_TRUE(Has(e, "gen_prompts")) << e;
  for (const char* size : {"much", "0", "-1GiB", "50%"}) {
    e = ErrorOf(rl_ + "update:\n  activation_memory: " + size + "\n");
    EXPECT_TRUE(Has(e, "r.yaml:") && Has(e, std::string("activation_memory is '") + size) &&
                Has(e, "2GiB"))
        << e;
  }
  e = ErrorOf(rl_ + "data: {group_order: together}\n");
  EXPECT_TRUE(Has(e, "r.yaml:3") && Has(e, "data.group_key")) << e;
  e = ErrorOf("policy_loss: {name: ppo_clip}\n");
  EXPECT_TRUE(Has(e, "no model")) << e;
  e = ErrorOf("model: x\npolicy_loss: {name: ppo_clp}\n");
  EXPECT_TRUE(Has(e, "r.yaml:2") && Has(e, "ppo_clip")) << e;
  e = ErrorOf(
      rl_, {"policy_loss={name: ppo_clip, eps: {schedule: linear, from: 0.2, to: 3, steps: 9}}"});
  EXPECT_TRUE(Has(e, "'policy_loss.eps' is") && Has(e, "it must be in [0, 1]")) << e;
  e = ErrorOf(rl_ + "token_weight: [{name: forking_tokns}]\n");
  EXPECT_TRUE(Has(e, "r.yaml:3") && Has(e, "forking_tokens")) << e;
  e = ErrorOf("kind: pretrain\n");
  EXPECT_TRUE(Has(e, "sizes")) << e;
  e = ErrorOf(rl_ + "name: a/b\n");
  EXPECT_TRUE(Has(e, "a/b")) << e;
}

TEST_F(RecipeTest, FoundByName) {
  Write("dapo_small.yaml", "# DAPO, made small.\n# More words.\n" + rl_);
  Write("grpo_small.yaml", rl_);
  setenv("RLVR_RECIPES", folder_.path().c_str(), 1);
  EXPECT_EQ(FindRecipe("dapo_small"), folder_.path() + "/dapo_small.yaml");
  EXPECT_EQ(LoadRecipe("dapo_small", {}).name, "dapo_small");
  bool listed = false;
  for (const auto& [name, description] : ListRecipes()) {
    if (name == "dapo_small") listed = description == "DAPO, made small.";
    if (name == "grpo_small") {
      EXPECT_EQ(description, "");
    }
  }
  EXPECT_TRUE(listed);
  try {
    FindRecipe("dapo_smal");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_TRUE(Has(e.what(), "dapo_small")) << e.what();
  }
  unsetenv("RLVR_RECIPES");
}

}  // namespace
}  // namespace rlvr
