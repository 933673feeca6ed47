#include "train/trainer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "eval/policy.h"
#include "train/activation_memory.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/run_folder.h"
#include "train/supervised.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

class TrainerTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path() + "/model");
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:max_steps=2", validation: gsm_micro, prompts_per_step: 4}
rollout: {group_size: 4, max_tokens: 14, temperature: 1.5, max_sequences: 6, stop: [a, b, c, d, e, f, g, "0", "1"]}
reward: {overlong: {name: soft, buffer: 14}}
regularizer: [{name: kl, beta: 0.01}]
update: {lr: 3.0e-3, mini_batch_prompts: 2, micro_batch_tokens: 300, warmup_steps: 2, schedule: cosine}
eval: {prompts: 2, k: 2, every: 2}
trainer: {steps: 4, checkpoint_every: 2, keep_checkpoints: 9}
)";
    std::ofstream(folder_.path() + "/pretrain.yaml") << R"(
kind: pretrain
compute: bf16
architecture: {vocab_size: 300, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16, intermediate_size: 48, max_position_embeddings: 512}
supervised: {text: "gsm_micro:max_steps=2", tokens_per_step: 500, tokenizer_texts: 20, careful: 0.7}
update: {lr: 1.0e-2, micro_batch_tokens: 250, weight_decay: 0.01}
rollout: {max_tokens: 8}
eval: {prompts: 2, k: 1}
trainer: {steps: 6, checkpoint_every: 3, keep_checkpoints: 9}
)";
  }
  Recipe Make(const std::string& name, const std::vector<std::string>& more = {},
              const std::string& file = "rl") {
    std::vector<std::string> overrides = {"name=" + name, "output=" + folder_.path() + "/runs"};
    if (file != "pretrain") overrides.push_back("model=" + folder_.path() + "/model");
    overrides.insert(overrides.end(), more.begin(), more.end());
    return LoadRecipe(folder_.path() + "/" + file + ".yaml", overrides);
  }
  std::string Run(const std::string& name) const { return folder_.path() + "/runs/" + name; }
  void ExpectSameRuns(const std::string& a, const std::string& b, int64_t last) {
    EXPECT_EQ(StableMetrics(Run(a)), StableMetrics(Run(b)));
    for (const char* file : {"/hf/model.safetensors", "/trainer.safetensors", "/trainer.json"}) {
      EXPECT_EQ(ReadFile(CheckpointFolder(Run(a), last) + file),
                ReadFile(CheckpointFolder(Run(b), last) + file))
          << file;
    }
    for (const char* sub : {"rollouts", "eval"}) {
      if (!fs::exists(Run(a) + "/" + sub)) continue;
      for (const auto& entry : fs::directory_iterator(Run(a) + "/" + sub)) {
        const std::string name = entry.path().filename().string();
        EXPECT_EQ(ReadFile(entry.path().string()), ReadFile(Run(b) + "/" + sub + "/" + name))
            << name;
      }
    }
  }

  TempFolder folder_;
};

// A copy of a run as a kill after `step` would have left it: later checkpoints are not there yet.
void CopyAsKilled(const std::string& from, const std::string& to, int64_t step) {
  fs::copy(from, to, fs::copy_options::recursive);
  for (const int64_t s : ListCheckpoints(to)) {
    if (s > step) fs::remove_all(CheckpointFolder(to, s));
  }
  fs::remove_all(to + "/model");
  if (step == 0) {
    fs::remove_all(to + "/checkpoints");
  } else {
    WriteFileAtomically(to + "/checkpoints/latest", StepName(step) + "\n");
  }
}

TEST_F(TrainerTest, SameBytesForAnyThreadsAndResumed) {
  Train(Make("base", {"threads=1"}));
  Train(Make("two", {"threads=2", "rollout.max_sequences=64", "update.micro_batch_tokens=100000"}));
  ExpectSameRuns("base", "two", 4);

  for (const int64_t step : {2, 0}) {  // 0: killed before its first checkpoint
    const std::string name = "killed_" + std::to_string(step);
    CopyAsKilled(Run("base"), Run(name), step);
    Resume(Run(name));
    ExpectSameRuns("base", name, 4);
    EXPECT_EQ(ReadFile(Run("base") + "/model/model.safetensors"),
              ReadFile(Run(name) + "/model/model.safetensors"));
  }

  // It learned something: otherwise equality says little.
  for (const int64_t step : {1, 2, 3, 4}) {
    const Metrics m = ReadMetrics(Run("base"), step);
    EXPECT_GT(m.at("actor/grad_norm"), 1e-3);
    EXPECT_EQ(m.at("training/rollout_probs_diff_max"), 0);
    EXPECT_EQ(m.at("verdict/right") + m.at("verdict/wrong") + m.at("verdict/timed_out") +
                  m.at("verdict/broken"),
              1);
    EXPECT_EQ(m.at("select/kept"), 4);
  }
  EXPECT_GT(ReadMetrics(Run("base"), 4).at("actor/kl_loss"), 0);  // weights have left the reference
  EXPECT_EQ(ReadMetrics(Run("base"), 0).count("val/avg@2"), 1u);
  EXPECT_EQ(ReadMetrics(Run("base"), 3).count("val/avg@2"), 0u);
  EXPECT_TRUE(fs::exists(Run("base") + "/eval/step_000004.json"));
  EXPECT_TRUE(fs::exists(Run("base") + "/model/tokenizer.json"));

  // A second start in the same folder is refused.
  try {
    Train(Make("base"));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("rlvr resume"), std::string::npos) << e.what();
  }

  // Any sample again, token for token, from the checkpoint before it and by training on.
  std::ifstream rollouts(Run("base") + "/rollouts/step_000004.jsonl");
  std::string line;
  for (int i = 0; i < 6; ++i) std::getline(rollouts, line);  // second group, second sample
  const auto recorded = nlohmann::json::parse(line);
  const Tree tree = ReplaySample(Run("base"), 4, recorded["prompt_index"], recorded["sample"]);
  ASSERT_EQ(tree.segments.size(), 2u);
  EXPECT_EQ(tree.segments[1].tokens, recorded["token_ids"].get<std::vector<int32_t>>());
  EXPECT_EQ(tree.segments[1].logp, recorded["logp"].get<std::vector<float>>());
  EXPECT_EQ(tree.segments[1].entropy, recorded["entropy"].get<std::vector<float>>());
  EXPECT_EQ(tree.leaves[0].reward, recorded["reward"].get<float>());
  EXPECT_THROW(ReplaySample(Run("base"), 4, 99999, 0), Error);
  EXPECT_THROW(ReplaySample(Run("base"), 9, 0, 0), Error);
}

// Stages that keep state or draw random numbers: the same bytes resumed and however split.
// Adapters alone are trained, kept and resumed; the run's model is the sum, or PEFT's folder.
TEST_F(TrainerTest, LoraSameBytesAndResumed) {
  const std::vector<std::string> lora = {"lora.rank=2", "lora.alpha=4", "update.lr=0.02",
                                         "lora.target_modules=[q_proj, o_proj, gate_proj]"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), lora.begin(), lora.end());
    return more;
  };
  Train(Make("lora", with({"threads=1"})));
  Train(Make("lora_two", with({"threads=2", "update.micro_batch_tokens=100000"})));
  CopyAsKilled(Run("lora"), Run("lora_killed"), 2);
  Resume(Run("lora_killed"));
  const std::string last = CheckpointFolder(Run("lora"), 4) + "/hf";
  for (const char* other : {"lora_two", "lora_killed"}) {
    EXPECT_EQ(StableMetrics(Run("lora")), StableMetrics(Run(other)));
    EXPECT_EQ(ReadFile(last + "/adapter_model.safetensors"),
              ReadFile(CheckpointFolder(Run(other), 4) + "/hf/adapter_model.safetensors"));
    EXPECT_EQ(ReadFile(Run("lora") + "/model/model.safetensors"),
              ReadFile(Run(other) + "/model/model.safetensors"));
  }
  EXPECT_FALSE(fs::exists(last + "/model.safetensors"));
  for (const int64_t step : {1, 4}) {
    EXPECT_GT(ReadMetrics(Run("lora"), step).at("actor/grad_norm"), 1e-3);
    EXPECT_EQ(ReadMetrics(Run("lora"), step).at("training/rollout_probs_diff_max"), 0);
  }
  // Of the run's model the three matrices moved, and nothing else. Its folder is in bf16; the
  // checkpoint's adapter folder is a model of its own, the base found by the file.
  const Policy base = LoadPolicy(folder_.path() + "/model", ComputeType::kFp32, false),
               trained = LoadPolicy(last, ComputeType::kFp32, false),
               exported = LoadPolicy(Run("lora") + "/model", ComputeType::kFp32, false);
  for (const Parameter& p : base.model->layout().parameters) {
    const bool adapted = p.name.find("q_proj") != std::string::npos ||
                         p.name.find("o_proj") != std::string::npos ||
                         p.name.find("gate_proj") != std::string::npos;
    double moved = 0;
    for (int64_t i = p.offset; i < p.offset + p.size(); ++i) {
      moved =
          std::max<double>(moved, std::abs(trained.model->weights()[i] - base.model->weights()[i]));
      ASSERT_EQ(exported.model->weights()[i], ToFloat(ToBf16(trained.model->weights()[i])));
    }
    EXPECT_EQ(moved > 1e-4, adapted) << p.name << " " << moved;
  }
  Train(Make("lora_apart", with({"lora.merge=false", "trainer.steps=1"})));
  EXPECT_TRUE(fs::exists(Run("lora_apart") + "/model/adapter_config.json"));
  EXPECT_FALSE(fs::exists(Run("lora_apart") + "/model/model.safetensors"));

  const auto message = [&](const std::vector<std::string>& more, const std::string& file = "rl") {
    try {
      Make("refused", with(more), file);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(message({"lora.target_modules=[q_prj]"}).find("no module 'q_prj'"), std::string::npos);
  EXPECT_NE(message({"lora.target_modules=[]"}).find("target_modules is empty"), std::string::npos);
  EXPECT_NE(message({"stages=[{steps: 1}, {steps: 2}]"}).find("does not go with stages"),
            std::string::npos);
  EXPECT_NE(message({"reference.update=ema", "regularizer=[{name: kl}]"})
                .find("does not go with reference.update ema"),
            std::string::npos);
  EXPECT_NE(message({}, "pretrain").find("does not go with kind pretrain"), std::string::npos);
}

TEST_F(TrainerTest, StatefulStagesResume) {
  const std::vector<std::string> stages = {
      "reward_shaping={name: random_reward}", "advantage=[{name: group_centered}]",
      "token_weight=[{name: forking_tokens, rho: 0.5}]",
      "policy_loss={name: decoupled_clip, eps_high: {schedule: linear, from: 0.4, to: 0.2, steps: "
      "4}}",
      "regularizer=[{name: kl, beta: {controller: adaptive_kl, n: 5000}},"
      " {name: entropy_bonus, coefficient: {controller: adaptive_entropy, target: 9}}]"};
  auto more = stages;
  more.insert(more.end(), {"threads=2", "update.micro_batch_tokens=100000"});
  Train(Make("base", stages));
  Train(Make("split", more));
  ExpectSameRuns("base", "split", 4);
  CopyAsKilled(Run("base"), Run("killed"), 2);
  Resume(Run("killed"));
  ExpectSameRuns("base", "killed", 4);
  const auto state =
      nlohmann::json::parse(ReadFile(CheckpointFolder(Run("base"), 4) + "/trainer.json"))["state"];
  EXPECT_NE(state["controller/regularizer.kl.beta"][0], 0.001);
  EXPECT_NEAR(state["controller/regularizer.entropy_bonus.coefficient"][0].get<double>(), 4e-4,
              1e-12);
  const Metrics m = ReadMetrics(Run("base"), 4);
  EXPECT_NEAR(m.at("token_weight/kept"), 0.5, 0.02);
  EXPECT_EQ(m.at("critic/rewards/max"), 1);  // random, whatever the score
  std::ifstream rollouts(Run("base") + "/rollouts/step_000004.jsonl");
  double rewards = 0, count = 0;
  for (std::string line; std::getline(rollouts, line); ++count)
    rewards += nlohmann::json::parse(line)["reward"].get<double>();
  EXPECT_NEAR(rewards / count, m.at("critic/rewards/mean"), 1e-12);
}

// In a process of its own, since a request to stop cannot be taken back.
TEST_F(TrainerTest, PpoWithACriticSameBytesAndResumed) {
  const std::vector<std::string> ppo = {"advantage={name: gae, lambda: 0.95}",
                                        "critic={warmup_steps: 1, optimizer: {lr: 3.0e-3}}"};
  auto more = ppo;
  more.emplace_back("threads=1");
  Train(Make("base", more));
  more = ppo;
  more.insert(more.end(), {"threads=2", "update.micro_batch_tokens=100000"});
  Train(Make("two", more));
  CopyAsKilled(Run("base"), Run("killed"), 2);
  Resume(Run("killed"));
  for (const char* other : {"two", "killed"}) {
    ExpectSameRuns("base", other, 4);
    for (const char* file : {"/critic/model.safetensors", "/critic/trainer.safetensors"}) {
      EXPECT_EQ(ReadFile(CheckpointFolder(Run("base"), 4) + file),
                ReadFile(CheckpointFolder(Run(other), 4) + file));
    }
  }
  EXPECT_FALSE(ReadMetrics(Run("base"), 1).contains("actor/grad_norm"));  // the critic alone
  EXPECT_GT(ReadMetrics(Run("base"), 2).at("actor/grad_norm"), 0);
  EXPECT_GT(ReadMetrics(Run("base"), 1).at("critic/vf_loss"), 0);
  EXPECT_NE(ReadMetrics(Run("base"), 4).at("critic/values/mean"), 0);
}

// Micro-batches and kept layers of policy, critic and reference change no bit.
TEST_F(TrainerTest, ActivationMemoryChangesNoBytes) {
  const std::vector<std::string> ppo = {"advantage={name: gae, lambda: 0.95}", "trainer.steps=2",
                                        "data.max_prompt_tokens=150", "threads=2"};
  const Recipe recipe = Make("base", ppo);
  const ModelConfig config = LoadConfig(folder_.path() + "/model");
  SetNumThreads(2);
  EXPECT_EQ(LongestTreeTokens(recipe), 150 + 4 * 14);
  const int64_t least = ActivationBytes(config, 150 + 4 * 14, 1);
  Train(recipe);
  auto more = ppo;
  more.push_back(fmt::format("update.activation_memory={}", least));
  Train(Make("bound", more));
  ExpectSameRuns("base", "bound", 2);
  const auto held = [&](const std::string& run) {
    return ReadMetrics(Run(run), 2).at("perf/activation_memory_gib") * (1 << 30);
  };
  EXPECT_LE(held("bound"), static_cast<double>(least));
  EXPECT_GT(held("base"), static_cast<double>(least));
  more.back() = fmt::format("update.activation_memory={}", least - 1);
  try {
    Train(Make("small", more));
    ADD_FAILURE();
  } catch (const Error& e) {
    const std::string what = e.what();
    EXPECT_TRUE(what.starts_with("update.activation_memory: ")) << what;
    EXPECT_NE(what.find("the policy's longest tree of 206 tokens"), std::string::npos) << what;
    EXPECT_NE(what.find("rollout.max_tokens"), std::string::npos) << what;
  }
  EXPECT_FALSE(fs::exists(Run("small")));
}

// A flow field in training, and a step before the policy learns.
TEST_F(TrainerTest, RlfrSameBytesAndResumed) {
  // Hardly an answer is right: the field learns from all.
  const std::vector<std::string> rlfr = {
      "advantage=[{name: group_normalized}, {name: rlfr}]",
      "flow_reward={coefficient: 0.5, width: 8, blocks: 1, wrong_weight: 1, warmup_steps: 1, "
      "optimizer: {lr: 1.0e-2}}"};
  auto more = rlfr;
  more.emplace_back("threads=1");
  Train(Make("base", more));
  more = rlfr;
  more.insert(more.end(), {"threads=2", "update.micro_batch_tokens=100000"});
  Train(Make("two", more));
  CopyAsKilled(Run("base"), Run("killed"), 2);
  Resume(Run("killed"));
  const auto field = [&](const char* run, int64_t step) {
    return ReadFile(CheckpointFolder(Run(run), step) + "/flow_field.cbor");
  };
  for (const char* other : {"two", "killed"}) {
    ExpectSameRuns("base", other, 4);
    EXPECT_TRUE(field("base", 4) == field(other, 4)) << other;
  }
  EXPECT_FALSE(field("base", 2) == field("base", 4));
  const Metrics first = ReadMetrics(Run("base"), 1), last = ReadMetrics(Run("base"), 4);
  EXPECT_FALSE(first.contains("actor/grad_norm"));
  EXPECT_GT(first.at("flow_reward/grad_norm"), 0);
  EXPECT_GT(last.at("actor/grad_norm"), 0);
  EXPECT_LT(last.at("flow_reward/loss"), first.at("flow_reward/loss"));
  EXPECT_GT(last.at("flow_reward/rewarded_tokens"), 0);
  EXPECT_GT(last.at("critic/advantages/max"), last.at("critic/advantages/min"));
}

// A process reward model in training and a reference that follows the policy.
TEST_F(TrainerTest, PrimeWithAMovingReferenceSameBytesAndResumed) {
  const std::vector<std::string> prime = {
      "advantage={name: prime, norm: none}", "reference={update: ema, decay: 0.5}",
      "process_reward={beta: 1, update: before, optimizer: {lr: 1.0e-3}}"};
  auto more = prime;
  more.emplace_back("threads=1");
  Train(Make("base", more));
  more = prime;
  more.insert(more.end(), {"threads=2", "update.micro_batch_tokens=100000"});
  Train(Make("two", more));
  CopyAsKilled(Run("base"), Run("killed"), 2);
  Resume(Run("killed"));
  for (const char* other : {"two", "killed"}) {
    ExpectSameRuns("base", other, 4);
    for (const char* file :
         {"/process_reward/model.safetensors", "/process_reward/trainer.safetensors",
          "/reference/model.safetensors"}) {
      EXPECT_EQ(ReadFile(CheckpointFolder(Run("base"), 4) + file),
                ReadFile(CheckpointFolder(Run(other), 4) + file));
    }
  }
  EXPECT_FALSE(fs::exists(CheckpointFolder(Run("base"), 4) + "/reference/trainer.safetensors"));
  const auto weights = [&](int64_t step, const std::string& which) {
    return ReadFile(CheckpointFolder(Run("base"), step) + which + "/model.safetensors");
  };
  EXPECT_NE(weights(2, "/reference"), weights(4, "/reference"));
  EXPECT_NE(weights(4, "/reference"), weights(4, "/hf"));
  EXPECT_NE(weights(2, "/process_reward"), weights(4, "/process_reward"));
  // Two mini-batches before the scoring: rewards are no longer 0, and wrong responses sank.
  const Metrics first = ReadMetrics(Run("base"), 1), last = ReadMetrics(Run("base"), 4);
  EXPECT_GT(first.at("reward_model/grad_norm"), 0);
  EXPECT_LT(first.at("reward_model/prm_loss"), std::log(2.0));
  EXPECT_LT(last.at("reward_model/prm_loss"), first.at("reward_model/prm_loss"));
  EXPECT_GT(first.at("critic/advantages/max"), 0);

  // Another order of the update gives another run; without one the model stays.
  for (const char* update : {"after", "none"}) {
    const std::string name = std::string("update_") + update;
    Train(Make(name, {prime[0], prime[1], "trainer.steps=2", "eval.before=false",
                      fmt::format("process_reward={{beta: 1, update: {}}}", update)}));
    EXPECT_EQ(ReadMetrics(Run(name), 1).count("reward_model/prm_loss"),
              update == std::string("after") ? 1u : 0u);
  }
}

// Groups of earlier steps and an expert's rows: the same bytes on any threads, resumed in the middle,
// with the store that the checkpoint holds.
TEST_F(TrainerTest, ReplayAndExpertSameBytesAndResumed) {
  const auto compare = [&](const std::string& name, const std::vector<std::string>& recipe) {
    auto more = recipe;
    more.emplace_back("threads=1");
    Train(Make(name, more));
    more = recipe;
    more.insert(more.end(), {"threads=2", "update.micro_batch_tokens=100000"});
    Train(Make(name + "_two", more));
    CopyAsKilled(Run(name), Run(name + "_killed"), 2);
    Resume(Run(name + "_killed"));
    ExpectSameRuns(name, name + "_two", 4);
    ExpectSameRuns(name, name + "_killed", 4);
  };
  compare("replay",
          {"replay={groups: 3, capacity: 9, max_age: 2, max_uses: 2, admit: all}",
           "policy_loss={name: truncated_is}", "token_weight=[{name: rejection, high: 3}]"});
  const auto store = [&](const std::string& run, int64_t step) {
    return ReadFile(CheckpointFolder(Run(run), step) + "/replay.cbor");
  };
  EXPECT_EQ(store("replay", 4), store("replay_killed", 4));
  EXPECT_NE(store("replay", 2), store("replay", 4));
  EXPECT_EQ(ReadMetrics(Run("replay"), 1).at("replay/groups"), 0);
  EXPECT_EQ(ReadMetrics(Run("replay"), 2).at("replay/groups"), 3);
  EXPECT_EQ(ReadMetrics(Run("replay"), 4).at("replay/groups"), 3);
  EXPECT_EQ(ReadMetrics(Run("replay"), 1).at("actor/is_weight"), 1);  // nothing is stale yet
  EXPECT_NE(ReadMetrics(Run("replay"), 2).at("actor/is_weight"), 1);

  // The tiny model is never right; the embedded one is at times.
  compare("opposites", {"model=base_tiny", "compute=bf16",
                        "data={train: \"gsm_micro:train_size=2\", prompts_per_step: 2}",
                        "rollout={group_size: 2, max_tokens: 40, temperature: 1, stop: []}",
                        "replay={opposites: 1}", "policy_loss={name: truncated_is}",
                        "eval.before=false", "eval.after=false", "eval.every=0"});
  double recalled = 0;
  for (const int64_t step : {2, 3, 4})
    recalled += ReadMetrics(Run("opposites"), step).at("replay/opposites");
  EXPECT_GT(recalled, 0);
  EXPECT_EQ(ReadMetrics(Run("opposites"), 1).at("replay/opposites"), 0);
  EXPECT_EQ(ReadMetrics(Run("opposites"), 4).at("select/kept"), 2);

  compare("expert", {"expert={rows: 1}", "advantage={name: group_centered}",
                     "policy_loss={name: luffy}", "rollout.max_tokens=60", "rollout.stop=[]",
                     "reward={correct: 1, wrong: 0, overlong: {name: none}}"});
  // The tiny model is never right, the expert is: its row has the one advantage above 0.
  const Metrics m = ReadMetrics(Run("expert"), 4);
  EXPECT_EQ(m.at("critic/score/max"), 0);  // of the sampled rows
  EXPECT_NEAR(m.at("critic/advantages/max"), 0.8, 1e-12);
  EXPECT_NEAR(m.at("critic/advantages/min"), -0.2, 1e-12);
}

// ProRL's resets: the reference becomes the policy and the moments start anew, also when resumed
// between two resets.
TEST_F(TrainerTest, ResetReferenceResumed) {
  Train(Make("base", {"reference={update: copy, every: 3, reset_optimizer: true}",
                      "trainer.checkpoint_every=1", "eval.every=0"}));
  for (const int64_t step : {2, 3}) {
    const std::string name = "killed_" + std::to_string(step);
    CopyAsKilled(Run("base"), Run(name), step);
    Resume(Run(name));
    ExpectSameRuns("base", name, 4);
  }
  const auto weights = [&](int64_t step, const std::string& which) {
    return ReadFile(CheckpointFolder(Run("base"), step) + which + "/model.safetensors");
  };
  EXPECT_NE(weights(2, "/reference"), weights(2, "/hf"));
  EXPECT_EQ(weights(3, "/reference"), weights(3, "/hf"));
  // The first mini-batch after the reset is at the reference, so step 4's mean KL is below step
  // 3's.
  EXPECT_LT(ReadMetrics(Run("base"), 4).at("actor/kl_loss"),
            ReadMetrics(Run("base"), 3).at("actor/kl_loss"));

  try {  // nobody would read it
    Make("idle", {"reference={update: ema}", "regularizer=[]"});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no method reads the reference"), std::string::npos)
        << e.what();
  }
}

// What is known of the prompts is part of the state: the same prompts resumed, and a sample again.
TEST_F(TrainerTest, CurriculaResume) {
  for (const std::string curriculum :
       {"{name: drive, uniform_steps: 1, phases: 2, phase_steps: 2, keep: 0.5, hard_group_size: 6}",
        "{name: pass_rate_band, rest: 2}", "{name: easy_to_hard, start: 0.1, steps: 4}"}) {
    const std::string name = curriculum.substr(7, curriculum.find(',') - 7);
    Train(Make(name, {"curriculum=" + curriculum, "data.train=gsm_micro:max_steps=2,train_size=9",
                      "trainer.checkpoint_every=1", "eval.before=false", "eval.every=0",
                      "eval.after=false", "trainer.rollout_groups=9"}));
    for (const int64_t step : {1, 2}) {
      const std::string killed = name + std::to_string(step);
      CopyAsKilled(Run(name), Run(killed), step);
      Resume(Run(killed));
      ExpectSameRuns(name, killed, 4);
      EXPECT_EQ(ReadFile(CheckpointFolder(Run(name), 4) + "/prompts.cbor"),
                ReadFile(CheckpointFolder(Run(killed), 4) + "/prompts.cbor"));
    }
    std::ifstream rollouts(Run(name) + "/rollouts/step_000004.jsonl");
    std::string line;
    std::getline(rollouts, line);
    const auto recorded = nlohmann::json::parse(line);
    EXPECT_EQ(ReplaySample(Run(name), 4, recorded["prompt_index"], 0).segments[1].tokens,
              recorded["token_ids"].get<std::vector<int32_t>>());
  }
  // Four prompts of step 1, then two of these in groups of six, then one.
  EXPECT_EQ(ReadMetrics(Run("drive"), 1).at("prompt_state/seen"), 4);
  EXPECT_EQ(ReadMetrics(Run("drive"), 2).at("curriculum/pool"), 2);
  EXPECT_EQ(ReadMetrics(Run("drive"), 4).at("curriculum/pool"), 1);
  EXPECT_EQ(ReadMetrics(Run("drive"), 4).at("prompt_state/seen"), 4);
  std::ifstream rollouts(Run("drive") + "/rollouts/step_000004.jsonl");
  int lines = 0;
  std::set<int64_t> rows;
  for (std::string line; std::getline(rollouts, line); ++lines)
    rows.insert(nlohmann::json::parse(line)["prompt_index"].get<int64_t>());
  EXPECT_EQ(lines, 4 * 6);
  EXPECT_EQ(rows.size(), 1u);
  // The random model solves nothing: what was sampled rests, and the second step has others.
  EXPECT_EQ(ReadMetrics(Run("pass_rate_band"), 2).at("prompt_state/seen"), 8);
  EXPECT_EQ(ReadMetrics(Run("pass_rate_band"), 2).at("curriculum/resting"), 8);
}

// A supervised stage and two of reinforcement learning in one run folder: the same bytes resumed
// within a stage and at its border, whether or not the next one's start is there yet.
TEST_F(TrainerTest, StagesResume) {
  std::ofstream(folder_.path() + "/sft.jsonl")
      << R"({"prompt": "Tom has 3 pens.", "response": "Answer: 3"})"
      << "\n"
      << R"({"prompt": "Ann has 4.", "response": "Answer: 4"})"
      << "\n";
  const std::vector<std::string> stages = {
      "trainer.checkpoint_every=1", "eval.every=0", "eval.before=false",
      "stages=[{steps: 2, kind: sft, supervised: {text: " + folder_.path() +
          "/sft.jsonl, tokens_per_step: 60}},"
          " {steps: 1, rollout: {max_tokens: 10, stop: []}, reward: {overlong: {buffer: 10}}},"
          " {steps: 2, update: {lr: 1.0e-3}}]"};
  const Recipe recipe = Make("base", stages);
  ASSERT_EQ(recipe.stages.size(), 3u);
  EXPECT_EQ(recipe.trainer.steps, 5);
  EXPECT_EQ(recipe.stages[1].first_step, 2);
  EXPECT_EQ(recipe.stages[1].trainer.steps, 3);
  EXPECT_EQ(recipe.stages[1].rollout.options.max_tokens, 10);
  EXPECT_EQ(recipe.stages[2].rollout.options.max_tokens, 14);
  Train(recipe);
  for (const int64_t step : {1, 2, 3, 4}) {
    const std::string name = "killed_" + std::to_string(step);
    CopyAsKilled(Run("base"), Run(name), step);
    for (const int64_t border : {2, 3}) {
      if (border >= step) fs::remove_all(Run(name) + "/stages/" + StepName(border));
    }
    Resume(Run(name));
    ExpectSameRuns("base", name, 5);
    EXPECT_EQ(ReadFile(Run("base") + "/model/model.safetensors"),
              ReadFile(Run(name) + "/model/model.safetensors"));
  }
  EXPECT_EQ(ReadMetrics(Run("base"), 2).count("train/loss"), 1u);
  EXPECT_EQ(ReadMetrics(Run("base"), 3).count("critic/score/mean"), 1u);
  EXPECT_LE(ReadMetrics(Run("base"), 3).at("response_length/max"), 10);
  // Each stage starts anew: warm-up 1 of 2 at the first of each one's two updates a step.
  EXPECT_DOUBLE_EQ(ReadMetrics(Run("base"), 1).at("train/lr"), 1.5e-3);
  const auto trainer =
      nlohmann::json::parse(ReadFile(CheckpointFolder(Run("base"), 5) + "/trainer.json"));
  EXPECT_EQ(trainer["optimizer_step"], 4);
  // The last stage began where the middle one ended, and the model moved in each.
  const auto weights = [&](int64_t step) {
    return ReadFile(CheckpointFolder(Run("base"), step) + "/hf/model.safetensors");
  };
  EXPECT_EQ(weights(3), ReadFile(Run("base") + "/stages/step_000003/model.safetensors"));
  EXPECT_NE(weights(2), weights(3));
  EXPECT_NE(weights(3), weights(4));
  std::ifstream rollouts(Run("base") + "/rollouts/step_000005.jsonl");
  std::string line;
  std::getline(rollouts, line);
  const auto recorded = nlohmann::json::parse(line);
  EXPECT_EQ(ReplaySample(Run("base"), 5, recorded["prompt_index"], 0).segments[1].tokens,
            recorded["token_ids"].get<std::vector<int32_t>>());

  for (const char* wrong :
       {"stages=[{rollout: {max_tokens: 3}}]", "stages=[{steps: 1, seed: 3}]",
        "stages=[{steps: 1}, {steps: 1, kind: sft}]", "stages=[{steps: 1, rollouts: {}}]"}) {
    EXPECT_THROW(Make("wrong", {wrong}), Error) << wrong;
  }
}

// A reward without a verifier, its second gradient term, and a stack of terms with a schedule.
TEST_F(TrainerTest, LikelihoodAndTermsResume) {
  const std::vector<std::string> more = {
      "likelihood_reward={kind: logp, coefficient: 0.1}",
      "reward={correct: 0, wrong: 0, overlong: {name: none}, terms: [{name: format, coefficient: "
      "{schedule: linear, from: 1, to: 0, steps: 4}}, {name: rubric}, {name: repetition, n: 1}]}",
      "data.train=gsm_micro:max_steps=2,rubric=true", "advantage={name: group_centered}",
      "eval.every=0"};
  auto split = more;
  split.insert(split.end(), {"threads=2", "update.micro_batch_tokens=100000"});
  Train(Make("base", more));
  Train(Make("split", split));
  ExpectSameRuns("base", "split", 4);
  CopyAsKilled(Run("base"), Run("killed"), 2);
  Resume(Run("killed"));
  ExpectSameRuns("base", "killed", 4);
  const Metrics m = ReadMetrics(Run("base"), 1);
  EXPECT_NEAR(m.at("critic/rewards/mean"),
              0.1 * m.at("likelihood/reward") + m.at("reward/format") + m.at("reward/rubric") +
                  m.at("reward/repetition"),
              1e-5);
  EXPECT_LT(m.at("likelihood/reward"), -1);
  EXPECT_EQ(m.at("critic/score/mean"), 0);
  // The answer becomes likelier: all of it is trained on.
  EXPECT_GT(ReadMetrics(Run("base"), 4).at("likelihood/answer_logp"),
            m.at("likelihood/answer_logp"));
}

TEST_F(TrainerTest, CtrlCSavesTheLastWholeStep) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        HandleInterrupts();
        const std::string metrics = Run("long") + "/metrics.jsonl";
        std::thread presses([&] {
          while (!fs::exists(metrics) || fs::file_size(metrics) == 0) usleep(1000);
          raise(SIGINT);
        });
        try {
          Train(Make("long",
                     {"trainer.steps=1000000", "trainer.checkpoint_every=0", "eval.before=false"}));
        } catch (const Interrupted& e) {
          presses.join();
          const int64_t saved = LatestCheckpoint(Run("long"));
          ReadMetrics(Run("long"), saved);
          std::cerr << e.what();
          std::exit(saved >= 1 ? 0 : 1);
        }
        std::exit(2);
      },
      testing::ExitedWithCode(0),
      "stopped after step [0-9]+ of 1000000; go on with: rlvr resume .*/long");
}

// Prompts of as many steps are a family here; a pass over 8 prompts is two batches.
TEST_F(TrainerTest, FamiliesReachTheRows) {
  const std::string data = "data={train: \"gsm_micro:max_steps=2,train_size=8\", group_key: ";
  const std::vector<std::string> two_steps = {"trainer.steps=2", "eval.before=false",
                                              "eval.after=false", "eval.every=0"};
  std::vector<std::string> more = two_steps;
  more.push_back(data + "steps, group_order: together}");
  more.push_back("reward_shaping=[{name: information_consistency, scope: family}]");
  Train(Make("families", more));
  std::vector<std::string> runs;  // of equal families
  for (const int64_t step : {1, 2}) {
    std::istringstream lines(ReadFile(Run("families") + "/rollouts/" + StepName(step) + ".jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const size_t at = line.find("\"family\":\"");
      ASSERT_NE(at, std::string::npos) << line;
      const std::string family = line.substr(at + 10, 1);
      if (runs.empty() || runs.back() != family) runs.push_back(family);
    }
  }
  std::sort(runs.begin(), runs.end());
  EXPECT_EQ(runs, (std::vector<std::string>{"1", "2"}));

  more = two_steps;
  more.push_back(data + "stepz}");
  try {
    Train(Make("no_families", more));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("extra_info has no text or number 'stepz'"),
              std::string::npos)
        << e.what();
  }
}

TEST_F(TrainerTest, RewardsAndMasksAsTheRecipeSays) {
  Train(Make("soft", {"trainer.steps=1", "eval.before=false", "eval.after=false"}));
  std::ifstream rollouts(Run("soft") + "/rollouts/step_000001.jsonl");
  int lines = 0, cut = 0;
  for (std::string line; std::getline(rollouts, line); ++lines) {
    const auto r = nlohmann::json::parse(line);
    const auto n = static_cast<double>(r["token_ids"].size());
    EXPECT_EQ(r["tokens"].size(), r["token_ids"].size());
    // Wrong answers score -1; the punishment falls by 1 / 14 a token over the whole length.
    if (r["verdict"] == "wrong") {
      EXPECT_NEAR(r["reward"].get<double>(), -1 - n / 14, 1e-6);
    }
    cut += r["finish"] == "length";
  }
  EXPECT_EQ(lines, 16);
  const Metrics m = ReadMetrics(Run("soft"), 1);
  EXPECT_EQ(m.at("response_length/clip_ratio"), cut / 16.0);

  // A mini-batch of which every response is cut off and masked is left out, and counted.
  const std::vector<std::string> filter = {"trainer.steps=1", "eval.before=false",
                                           "rollout.max_tokens=1",
                                           "reward={overlong: {name: filter}}", "seed=3"};
  Train(Make("filter", filter));
  EXPECT_EQ(ReadMetrics(Run("filter"), 1).at("actor/skipped_updates"), 1);
  EXPECT_TRUE(ReadMetrics(Run("filter"), 1).contains("actor/grad_norm"));  // of the other one
  // Nothing can be learned where that is the whole batch: said, not hidden.
  std::vector<std::string> nothing = filter;
  nothing.push_back("rollout.stop=[]");
  try {
    Train(Make("nothing", nothing));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("rollout.max_tokens"), std::string::npos) << e.what();
  }
  // Nor where no group has both right and wrong answers.
  try {
    Train(Make("dynamic", {"eval.before=false", "select={name: dynamic_sampling, max_rounds: 2}"}));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("8 of 8 groups had no right answer"), std::string::npos)
        << e.what();
  }
}

TEST_F(TrainerTest, PretrainAndSft) {
  Pretrain(Make("pre", {"threads=1"}, "pretrain"));
  Pretrain(Make("pre2", {"threads=2", "update.micro_batch_tokens=9999"}, "pretrain"));
  ExpectSameRuns("pre", "pre2", 6);
  SetNumThreads(2);
  const ModelConfig config = LoadConfig(Run("pre") + "/model");
  const auto bound = [&](int64_t tokens) {
    return fmt::format("update.activation_memory={}", ActivationBytes(config, tokens, 1));
  };
  Pretrain(Make("pre3", {"threads=2", bound(160)}, "pretrain"));
  ExpectSameRuns("pre", "pre3", 6);
  EXPECT_LT(ReadMetrics(Run("pre3"), 1).at("perf/activation_memory_gib"),
            ReadMetrics(Run("pre2"), 1).at("perf/activation_memory_gib"));
  EXPECT_THROW(Pretrain(Make("pre4", {"threads=2", bound(20)}, "pretrain")), Error);
  CopyAsKilled(Run("pre"), Run("killed"), 3);
  Resume(Run("killed"));
  ExpectSameRuns("pre", "killed", 6);
  const double first = ReadMetrics(Run("pre"), 1).at("train/loss"),
               last = ReadMetrics(Run("pre"), 6).at("train/loss");
  EXPECT_NEAR(first, std::log(300.0), 0.3);  // near uniform at the start
  EXPECT_LT(last, first - 0.5);
  EXPECT_EQ(ReadFile(Run("pre") + "/model/model.safetensors"),
            ReadFile(Run("killed") + "/model/model.safetensors"));

  std::ofstream(folder_.path() + "/sft.jsonl")
      << R"({"prompt": "Tom has 3 pens.", "response": "Answer: 3"})"
      << "\n\n"
      << R"({"prompt": [{"role": "user", "content": "Ann has 4."}], "response": "Answer: 4"})"
      << "\n";
  const std::vector<std::string> sft = {"kind=sft",
                                        "model=" + Run("pre") + "/model",
                                        "supervised.text=" + folder_.path() + "/sft.jsonl",
                                        "supervised.tokens_per_step=60",
                                        "trainer.steps=30",
                                        "eval.after=false"};
  Sft(Make("sft", sft, "pretrain"));
  EXPECT_LT(ReadMetrics(Run("sft"), 30).at("train/loss"),
            0.7 * ReadMetrics(Run("sft"), 1).at("train/loss"));

  std::ofstream(folder_.path() + "/sft.jsonl", std::ios::app) << "{\"prompt\": 3}\n";
  try {
    Sft(Make("bad", sft, "pretrain"));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("sft.jsonl:4"), std::string::npos) << e.what();
  }
  EXPECT_FALSE(fs::exists(Run("bad")));
}

}  // namespace
}  // namespace rlvr
