// Training with strategies by a judge model: single responses and conversations.
#include "env/strategy_judge.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "env/chat_server_test.h"
#include "train/run_folder.h"
#include "train/checkpoint.h"
#include "train/tiny_model_test.h"
#include "train/trainer.h"

namespace rlvr {
namespace {

// The turn that a judge is asked about.
std::string TurnOf(const std::string& request) {
  const auto body = nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
  const std::string prompt = body["messages"][0]["content"];
  return prompt.substr(prompt.rfind("\n[assistant] ") + 13);
}
std::string Class(const std::string& name) {
  return Completion(nlohmann::json("{\"response_type\": \"" + name + "\"}").dump());
}

class JudgedTraining : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path() + "/model");
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:shards=true,max_steps=2,train_size=200", validation: gsm_micro, prompts_per_step: 3, max_prompt_tokens: 400, underspecified: {ratio: 0.5}}
rollout: {group_size: 4, max_tokens: 9, temperature: 1.5}
reward: {illocution: {name: icpo_illocution, r_hedge: 0.25}}
reward_shaping: {name: random_reward}
update: {lr: 3.0e-3, mini_batch_prompts: 0}
eval: {prompts: 1, k: 1, before: false, after: false}
trainer: {steps: 2, checkpoint_every: 2, rollout_groups: 9}
)";
  }
  Recipe Make(const std::string& name, const std::string& judge,
              const std::vector<std::string>& more = {}) {
    std::vector<std::string> overrides = {"name=" + name, "output=" + folder_.path() + "/runs",
                                          "model=" + folder_.path() + "/model",
                                          "strategy_judge=" + judge};
    overrides.insert(overrides.end(), more.begin(), more.end());
    return LoadRecipe(folder_.path() + "/rl.yaml", overrides);
  }
  static std::string Remote(const ChatServer& server) {
    return "{name: remote, model: m, retries: 0, timeout: 20, url: '" + server.url() + "'}";
  }
  std::string Run(const std::string& name) const { return folder_.path() + "/runs/" + name; }
  std::vector<nlohmann::json> Rollouts(const std::string& name, int64_t step) {
    std::ifstream file(Run(name) + "/rollouts/" + StepName(step) + ".jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  void ExpectSameRuns(const std::string& a, const std::string& b) {
    EXPECT_EQ(StableMetrics(Run(a)), StableMetrics(Run(b)));
    EXPECT_EQ(ReadFile(CheckpointFolder(Run(a), 2) + "/hf/model.safetensors"),
              ReadFile(CheckpointFolder(Run(b), 2) + "/hf/model.safetensors"));
    for (const int64_t step : {1, 2}) EXPECT_EQ(Rollouts(a, step), Rollouts(b, step));
  }

  TempFolder folder_;
};

TEST_F(JudgedTraining, TheEndpointsClassesAreRewarded) {
  ChatServer server([](const std::string&) { return Class("hedge"); });
  Train(Make("one", Remote(server), {"threads=1"}));
  EXPECT_EQ(server.requests().size(), 2u * 12);  // one for each response
  Train(Make("two", Remote(server), {"threads=2"}));
  ExpectSameRuns("one", "two");
  int underspecified = 0;
  for (const int64_t step : {1, 2}) {
    const Metrics m = ReadMetrics(Run("one"), step);
    EXPECT_EQ(m.at("strategy_judge/faulty"), 0);
    EXPECT_EQ(m.at("strategy_judge/failed"), 0);
    for (const char* label : {"specified", "underspecified"}) {
      const auto share = m.find(std::string("strategy/") + label + "/hedge");
      if (share != m.end()) {
        EXPECT_EQ(share->second, 1);
      }
    }
    for (const auto& line : Rollouts("one", step)) {
      const std::string label = line["illocution"];
      EXPECT_EQ(line["strategy"], "hedge");
      underspecified += label == "underspecified";
      if (label == "underspecified") {
        EXPECT_EQ(line["score"], 0.25);
      }
    }
  }
  EXPECT_GT(underspecified, 0);
}

TEST_F(JudgedTraining, WhatNamesNoClassIsByRules) {
  ChatServer server([](const std::string&) { return Completion("\"no idea\""); });
  Train(Make("rules", "{name: rules}"));
  Train(Make("judged", Remote(server)));
  EXPECT_EQ(ReadMetrics(Run("rules"), 1).count("strategy_judge/faulty"), 0u);
  EXPECT_EQ(ReadMetrics(Run("judged"), 1).at("strategy_judge/faulty"), 1);
  EXPECT_EQ(Rollouts("rules", 2), Rollouts("judged", 2));
}

TEST_F(JudgedTraining, ResponsesWithoutAnAnswerAreLeftOut) {
  ChatServer server([](const std::string& request) {
    return TurnOf(request).size() % 3 == 0 ? Http("500 Oh", "") : Class("refuse");
  });
  Train(Make("some", Remote(server)));
  double failed = 0;
  size_t lines = 0;
  for (const int64_t step : {1, 2}) {
    const Metrics m = ReadMetrics(Run("some"), step);
    EXPECT_EQ(m.at("training/rollout_probs_diff_max"), 0);
    failed += 12 * m.at("strategy_judge/failed");
    for (const auto& line : Rollouts("some", step)) {
      ++lines;
      EXPECT_NE(line["finish"], "aborted");
      EXPECT_EQ(line["strategy"], "refuse");
    }
  }
  EXPECT_GT(failed, 0.5);
  EXPECT_NEAR(static_cast<double>(lines), 24 - failed, 1e-9);

  ChatServer dead([](const std::string&) { return std::string(); });
  try {
    Train(Make("none", Remote(dead)));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("all responses of 3 groups were aborted"),
              std::string::npos)
        << e.what();
  }
}

// A model of the run judges, and plays the user: the same bytes whatever is answered together.
TEST_F(JudgedTraining, AModelOfTheRun) {
  WriteTinyModelFolder(folder_.path() + "/judge", 9000);
  const std::string other =
      "{name: model, model: '" + folder_.path() + "/judge', max_tokens: 4, temperature: 1}";
  // Each question is of some thousand tokens: few of them.
  const std::vector<std::string> few = {"data.prompts_per_step=1", "rollout.group_size=2"};
  std::vector<std::string> more = few;
  more.emplace_back("threads=1");
  Train(Make("one", other, more));
  more = few;
  more.insert(more.end(), {"threads=2", "rollout.max_sequences=1"});
  Train(Make("two", other, more));
  ExpectSameRuns("one", "two");
  EXPECT_EQ(ReadMetrics(Run("one"), 1).at("strategy_judge/failed"), 0);
  EXPECT_EQ(ReadMetrics(Run("one"), 1).at("strategy_judge/faulty"), 1);  // random words

  std::vector<std::string> talks = few;
  talks.insert(
      talks.end(),
      {"data.train=gsm_micro:max_steps=2,shards=true,train_size=200", "data.underspecified.ratio=0",
       "environment={name: sharded, max_turns: 3, user: {name: model, tries: 1, model: '" +
           folder_.path() + "/judge'}}"});
  more = talks;
  more.emplace_back("threads=1");
  Train(Make("talks", other, more));
  more = talks;
  more.insert(more.end(), {"threads=2", "rollout.max_sequences=5"});
  Train(Make("talks_two", other, more));
  ExpectSameRuns("talks", "talks_two");
  const Metrics m = ReadMetrics(Run("talks"), 1);
  EXPECT_EQ(m.at("env/aborted"), 0);
  EXPECT_EQ(m.at("env/judge_faults"), m.at("env/turns"));
  EXPECT_GT(m.at("env/user_faults"), 0);

  // The policy's context holds no question of this length.
  try {
    Train(Make("small", "{name: model, model: policy}"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("does not fit its context of 512"), std::string::npos)
        << e.what();
  }
}

TEST_F(JudgedTraining, RecipesSayWhoJudges) {
  const Recipe recipe = Make("a", "{name: remote, model: m}");
  EXPECT_EQ(recipe.strategy_judge.endpoint.temperature, 0);
  EXPECT_EQ(recipe.resolved.Find("strategy_judge")->Find("tries")->scalar, "3");
  EXPECT_EQ(Make("a", "{name: rules}").resolved.Find("strategy_judge")->items.size(), 1u);
  EXPECT_THROW(Make("a", "{name: remote}"), Error);
  EXPECT_THROW(Make("a", "{name: rules, model: m}"), Error);
  EXPECT_THROW(Make("a", "{name: model, model: m, url: 'http://x'}"), Error);
}

}  // namespace
}  // namespace rlvr
