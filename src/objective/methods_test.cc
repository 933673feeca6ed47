// Names, parameters, defaults and errors of all stages, and the published recipes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/file.h"
#include "objective/controller/controller.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(Methods, ErrorsNameTheNearest) {
  const auto message = [](const std::string& yaml, const std::string& regularizers = "[]",
                          const std::string& token_weight = "[]") -> std::string {
    try {
      MakeTestObjective(yaml, regularizers, token_weight);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message("name: decoupled_clop"),
            "test:1: there is no policy_loss 'decoupled_clop' (did you mean 'decoupled_clip'?)");
  EXPECT_EQ(message("name: decoupled_clip\neps_hihg: 1"),
            "test:2: unknown key 'policy_loss.eps_hihg' (did you mean 'eps_high'?)");
  EXPECT_EQ(message("name: ppo_clip\neps: 2"),
            "test:2: 'policy_loss.eps' is 2 (it must be in [0, 1])");
  EXPECT_EQ(message("name: ppo_clip\naggregate: token_maen"),
            "test:2: 'policy_loss.aggregate' is 'token_maen' (did you mean 'token_mean'?)");
  EXPECT_EQ(message("{name: ppo_clip, aggregate: token_sum_norm}"),
            "test:1: aggregate token_sum_norm needs 'constant' (set it to rollout.max_tokens)");
  EXPECT_EQ(message("{name: ppo_clip, constant: 8}"),
            "test:1: aggregate token_mean reads no 'constant' (leave it out, or choose "
            "token_sum_norm)");
  EXPECT_EQ(message("name: ppo_clip", "- {name: kl}\n- {name: kl, kind: k1}"),
            "test:2: regularizer 'kl' is given twice (remove one of them)");
  EXPECT_EQ(message("name: ppo_clip", "- {beta: 1}"),
            "test:1: an item of 'regularizer' has no name (write {name: cov_entropy})");
  EXPECT_EQ(message("name: ppo_clip", "{beta: 1}"),
            "test:1: an item of 'regularizer' has no name (write {name: cov_entropy})");
  EXPECT_EQ(message("name: ppo_clip", "- {name: kl, kidn: k1}"),
            "test:1: unknown key 'regularizer.kidn' (did you mean 'kind'?)");
  EXPECT_EQ(message("name: ppo_clip", "kl"),
            "test:1: 'regularizer' must be a list (write `regularizer: [{name: cov_entropy}]`)");
  EXPECT_EQ(message("name: ppo_clip", "[]", "[{name: forking_token}]"),
            "test:1: there is no token_weight 'forking_token' (did you mean 'forking_tokens'?)");
}

TEST(Methods, AreDescribed) {
  const auto all = DescribeMethods();
  EXPECT_GE(all.size(), 12u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_FALSE(all[i].summary.empty()) << all[i].name;
    if (i == 0) continue;
    EXPECT_LT(all[i - 1].stage + " " + all[i - 1].name, all[i].stage + " " + all[i].name);
  }
}

// A resolved recipe writes every default out: what is described must read back as the default.
TEST(Methods, DescribedDefaultsReadBack) {
  for (const auto& m : DescribeMethods()) {
    std::string yaml = "name: " + m.name + "\n";
    for (const auto& p : m.params) yaml += p.name + ": " + p.default_value + "\n";
    const ConfigNode node = ParseConfig(yaml, m.name);
    const auto make = [&] {
      if (m.stage == "select") {
        MakeSelector(&node);
      } else if (m.stage == "reward_shaping") {
        MakeRewardShaping(&node);
      } else if (m.stage == "advantage") {
        MakeAdvantage(&node);
      } else if (m.stage == "controller") {
        ControllerList().Make(&node, "");
      } else {
        MakeObjective(m.stage == "token_weight" ? &node : nullptr,
                      m.stage == "policy_loss" ? &node : nullptr,
                      m.stage == "regularizer" ? &node : nullptr);
      }
    };
    EXPECT_NO_THROW(make()) << yaml;
  }
}

TEST(Methods, DocumentIsUpToDate) {
  const std::string path = RLVR_SOURCE_DIR "/docs/methods.md";
  if (std::getenv("RLVR_WRITE_DOCS")) WriteFileAtomically(path, MethodsMarkdown());
  EXPECT_EQ(ReadFile(path), MethodsMarkdown())
      << "write it anew: RLVR_WRITE_DOCS=1 build/release/rlvr_objective_test";
  for (const auto& m : DescribeMethods()) {  // no stage is left out
    EXPECT_NE(MethodsMarkdown().find("### " + m.name + "\n"), std::string::npos) << m.name;
  }
}

// --- the published recipes

ConfigNode PublishedRecipe(const std::string& name) {
  return LoadConfig(RLVR_SOURCE_DIR "/recipes/" + name + ".yaml", {},
                    {{"select", "none"},
                     {"reward_shaping", ""},
                     {"advantage", "group_normalized"},
                     {"token_weight", ""},
                     {"policy_loss", "decoupled_clip"},
                     {"regularizer", ""}});
}

// Two responses of lengths 1 and 2, ratios 1.5, 1, 1, advantages 1 and -1, d = 0.2 everywhere.
Rows TwoRows() {
  Rows rows = MakeTestRows({{1, 2}});
  rows.adv = {1, -1, -1};
  rows.logp_old = {-std::log(1.5), 0, 0};
  rows.logp_ref = {-0.2, -0.2, -0.2};
  return rows;
}

TEST(Recipes, GrpoIsItsFormula) {
  // J = (1.2 / 1 - (1 + 1) / 2) / 2 - 0.04 k3(0.2).
  const ConfigNode recipe = PublishedRecipe("grpo");
  const auto objective = MakeObjective(recipe.Find("token_weight"), recipe.Find("policy_loss"),
                                       recipe.Find("regularizer"));
  EXPECT_NEAR(Evaluate(*objective, TwoRows(), {Doubles(3), Doubles(3)}).objective,
              0.1 - 0.04 * 0.0187307531, 1e-11);
  EXPECT_EQ(MakeSelector(recipe.Find("select"))->max_rounds(), 1);
  StageRun run{RewardRows({{1, 0, 0, 0}}), {}, {}};
  Apply(MakeAdvantage(recipe.Find("advantage")), &run);
  ExpectNear(run.rows.adv, {1.499997, -0.499999, -0.499999, -0.499999}, 1e-6);
}

TEST(Recipes, DapoIsItsFormula) {
  // J = (1.28 - 1 - 1) / 3, no reference.
  const ConfigNode recipe = PublishedRecipe("dapo");
  const auto objective = MakeObjective(recipe.Find("token_weight"), recipe.Find("policy_loss"),
                                       recipe.Find("regularizer"));
  EXPECT_FALSE(objective->needs().reference);
  EXPECT_NEAR(Evaluate(*objective, TwoRows(), {Doubles(3), Doubles(3)}).objective, -0.24, 1e-12);
  const auto select = MakeSelector(recipe.Find("select"));
  EXPECT_EQ(select->max_rounds(), 10);
  Tree all_right;
  all_right.leaves.assign(2, {.verdict = Verdict::kRight});
  EXPECT_FALSE(select->Keep(all_right));
}

}  // namespace
}  // namespace rlvr
