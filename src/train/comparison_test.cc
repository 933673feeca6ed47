#include "train/comparison.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "train/run_folder.h"
#include "train/tiny_model_test.h"
#include "train/trainer.h"

namespace rlvr {
namespace {

class ComparisonTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path() + "/model");
    Write("a.yaml", R"(
compute: fp32
data: {train: "gsm_micro:max_steps=2", validation: gsm_micro, prompts_per_step: 4}
rollout: {group_size: 4, max_tokens: 14, temperature: 1.5, stop: [a, b, c, d, e, f, g, "0", "1"]}
reward: {overlong: {name: soft, buffer: 14}}
policy_loss: {name: decoupled_clip, eps_low: 0.2, eps_high: 0.28}
update: {lr: 3.0e-3, mini_batch_prompts: 2}
eval: {prompts: 3, k: 2, every: 2}
trainer: {steps: 3}
)");
    Write("b.yaml", R"(
extends: a.yaml
policy_loss: {name: ppo_clip, eps: 0.1}
reward: {correct: 3, overlong: {name: none}}
regularizer: [{name: kl, beta: 0.5}]
update: {lr: 1.0e-2}
eval: {k: 4, top_p: 0.5}
)");
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() + "/" + name) << text;
  }
  ComparisonRequest Request(const std::vector<std::string>& more = {}) const {
    ComparisonRequest request;
    request.recipes = {folder_.path() + "/a.yaml", folder_.path() + "/b.yaml"};
    request.overrides = more;
    request.overrides.push_back("model=" + folder_.path() + "/model");
    request.output = folder_.path() + "/runs";
    request.num_seeds = 2;
    return request;
  }
  std::string WhatOf(const ComparisonRequest& request) const {
    try {
      PlanComparison(request);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

  TempFolder folder_;
};

// Of every trajectory what does not depend on rewards: the fields of these names.
std::vector<nlohmann::json> Fields(const std::string& path, const std::vector<std::string>& names) {
  std::ifstream file(path);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(file, line);) {
    const auto whole = nlohmann::json::parse(line);
    nlohmann::json row;
    for (const auto& name : names) row[name] = whole.at(name);
    rows.push_back(row);
  }
  EXPECT_FALSE(rows.empty()) << path;
  return rows;
}

// What makes a comparison one of methods: two recipes of one seed that differ in reward, loss,
// regularizer and learning rate meet the same prompts in the same order, start from the same
// weights, and sample with the same noise as long as the weights are the same.
TEST_F(ComparisonTest, CommonRandomNumbers) {
  const Comparison plan = PlanComparison(Request());
  for (const ComparedRun& run : plan.runs) RunCompared(run, 1);
  const std::string a = plan.runs[0].folder, b = plan.runs[1].folder, other = plan.runs[2].folder;
  EXPECT_EQ(plan.runs[2].label, "a");
  EXPECT_EQ(plan.runs[2].seed, 1u);

  const std::vector<std::string> sampled = {"prompt_index", "occurrence", "sample", "prompt",
                                            "token_ids",    "logp",       "entropy"};
  const std::vector<std::string> drawn = {"prompt_index", "occurrence", "sample", "prompt"};
  // Before the first update: every token and log-prob, in training and in evaluation.
  for (const char* file : {"/rollouts/step_000001.jsonl", "/eval/step_000000.jsonl"}) {
    EXPECT_EQ(Fields(a + file, sampled), Fields(b + file, sampled)) << file;
    EXPECT_NE(Fields(a + file, sampled), Fields(other + file, sampled)) << file;
  }
  // Afterwards the weights differ, the prompts do not.
  for (const char* file : {"/rollouts/step_000002.jsonl", "/rollouts/step_000003.jsonl"}) {
    EXPECT_EQ(Fields(a + file, drawn), Fields(b + file, drawn)) << file;
    EXPECT_NE(Fields(a + file, sampled), Fields(b + file, sampled)) << file;
    EXPECT_NE(Fields(a + file, drawn), Fields(other + file, drawn)) << file;
  }
  // Runs of all seeds are judged on the same prompts.
  const char* last = "/eval/step_000003.jsonl";
  EXPECT_EQ(Fields(a + last, drawn), Fields(b + last, drawn));
  EXPECT_EQ(Fields(a + last, drawn), Fields(other + last, drawn));
}

TEST_F(ComparisonTest, PlansOneRunPerRecipeAndSeed) {
  ComparisonRequest request = Request({"seed=5", "update.lr=1e-3"});
  request.steps = 7;
  const Comparison plan = PlanComparison(request);
  EXPECT_EQ(plan.folder, folder_.path() + "/runs/compare_a_vs_b");
  EXPECT_EQ(plan.seeds, (std::vector<uint64_t>{5, 6}));
  ASSERT_EQ(plan.runs.size(), 4u);
  EXPECT_EQ(plan.runs[3].folder, plan.folder + "/b/seed_6");
  for (const ComparedRun& run : plan.runs) {
    EXPECT_EQ(run.recipe.trainer.steps, 7);
    EXPECT_EQ(run.recipe.seed, run.seed);
    EXPECT_EQ(run.recipe.update.optimizer.lr, 1e-3);
    EXPECT_EQ(run.recipe.eval.k, 2);  // all are judged as the first is
    EXPECT_EQ(run.recipe.eval.top_p, 1);
  }
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_EQ(plan.notes[0], "b: eval.k 4 -> 2, eval.top_p 0.5 -> 1; all are judged as a is");
}

TEST_F(ComparisonTest, TheProtocolIsHeldEqual) {
  Write("c.yaml", R"(
extends: a.yaml
eval: {ks: [2], protocol: lost_in_conversation, types: [full, sharded], simulations: 3,
       environment: {max_turns: 5}}
)");
  Write("d.yaml", R"(
extends: a.yaml
eval: {k: 4, ks: [1, 4], protocol: lost_in_conversation, types: [snowball], simulations: 2,
       environment: {user: {name: answering, overlap: 2}}}
strategy_judge: {name: model, model: policy}
)");
  ComparisonRequest request = Request();
  request.num_seeds = 1;
  for (const char* name : {"c", "d", "b"}) {
    if (*name == 'c') request.recipes.clear();
    request.recipes.push_back(folder_.path() + "/" + name + ".yaml");
  }
  Comparison plan = PlanComparison(request);
  ASSERT_EQ(plan.runs.size(), 3u);
  for (const ComparedRun& run : plan.runs) {
    EXPECT_EQ(run.recipe.eval.protocol, "lost_in_conversation") << run.label;
    EXPECT_EQ(run.recipe.eval.types, (std::vector<std::string>{"full", "sharded"}));
    EXPECT_EQ(run.recipe.eval.simulations, 3);
    EXPECT_EQ(run.recipe.eval.ks, (std::vector<std::string>{"2"}));
    const ConfigNode* eval = run.recipe.resolved.Find("eval");
    EXPECT_EQ(ToYaml(*eval), ToYaml(*plan.runs[0].recipe.resolved.Find("eval"))) << run.label;
    EXPECT_EQ(eval->Find("environment")->Find("max_turns")->scalar, "5");
    EXPECT_EQ(eval->Find("environment")->Find("user")->Find("name")->scalar, "scripted");
    // As the run's folder records it, it can be read again.
    Write("recorded.yaml", ToYaml(run.recipe.resolved));
    const Recipe again = LoadRecipe(folder_.path() + "/recorded.yaml", {});
    EXPECT_EQ(ToYaml(*again.resolved.Find("eval")), ToYaml(*eval));
  }
  std::string notes;
  for (const std::string& note : plan.notes) notes += note + "\n";
  EXPECT_NE(notes.find("d: eval.k 4 -> 2"), std::string::npos) << notes;
  EXPECT_NE(notes.find("eval.simulations 2 -> 3"), std::string::npos) << notes;
  EXPECT_NE(notes.find("b: "), std::string::npos) << notes;
  EXPECT_NE(notes.find("eval.protocol none -> lost_in_conversation"), std::string::npos) << notes;
  EXPECT_NE(notes.find("differs: c has name rules, d has name model, model policy"),
            std::string::npos)
      << notes;

  // The other way round nobody holds conversations.
  request.recipes = {folder_.path() + "/b.yaml", folder_.path() + "/c.yaml"};
  plan = PlanComparison(request);
  EXPECT_EQ(plan.runs[1].recipe.eval.protocol, "none");
}

TEST_F(ComparisonTest, RefusesWhatCannotBeCompared) {
  ComparisonRequest request = Request();
  request.recipes.pop_back();
  EXPECT_NE(WhatOf(request).find("nothing to be compared with"), std::string::npos);
  request.recipes.push_back(request.recipes[0]);
  EXPECT_NE(WhatOf(request).find("two recipes are called 'a'"), std::string::npos);
  EXPECT_NE(WhatOf(Request({"trainer.steps=3"})).find("--steps"), std::string::npos);
  EXPECT_NE(WhatOf(Request({"update.lrr=3"})).find("did you mean 'lr'"), std::string::npos);
  Write("odd name.yaml", "extends: a.yaml\n");
  request.recipes[1] = folder_.path() + "/odd name.yaml";
  EXPECT_NE(WhatOf(request).find("cannot name a folder"), std::string::npos) << WhatOf(request);
}

TEST_F(ComparisonTest, KeepsFinishedRunsAndRefusesChangedOnes) {
  const Comparison plan = PlanComparison(Request({"trainer.rollouts_every=0"}));
  const ComparedRun& run = plan.runs[0];
  EXPECT_FALSE(IsFinished(run));
  EXPECT_EQ(StepsRecorded(run.folder), 0);
  RunCompared(run, 1);
  EXPECT_TRUE(IsFinished(run));
  EXPECT_EQ(StepsRecorded(run.folder), 3);
  // Again: nothing is trained. With a last file missing: what is missing is made again.
  const std::string metrics = run.folder + "/metrics.jsonl", model = run.folder + "/model";
  const auto written = std::filesystem::last_write_time(metrics);
  RunCompared(run, 1);
  EXPECT_EQ(std::filesystem::last_write_time(metrics), written);
  std::filesystem::remove_all(model);
  EXPECT_FALSE(IsFinished(run));
  RunCompared(run, 1);
  EXPECT_TRUE(IsFinished(run));

  // Threads decide nothing and may change; everything else may not.
  EXPECT_EQ(WhatOf(Request({"trainer.rollouts_every=0", "threads=2"})), "");
  const std::string what = WhatOf(Request({"trainer.rollouts_every=0", "update.lr=1e-3"}));
  EXPECT_NE(what.find("update.lr was 0.003, now 0.001"), std::string::npos) << what;
  EXPECT_NE(what.find("seed_0"), std::string::npos) << what;
}

}  // namespace
}  // namespace rlvr
