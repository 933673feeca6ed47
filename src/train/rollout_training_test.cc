// Training on what the rollout strategies make: same bytes for any number of threads and resumed.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/rollout_mismatch.h"
#include "train/run_folder.h"
#include "train/tiny_model_test.h"
#include "train/token_temperature.h"
#include "train/trainer.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

class RolloutFolder : public testing::Test {
 protected:
  RolloutFolder() {
    WriteTinyModelFolder(folder_.path() + "/model");
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:max_steps=2", validation: gsm_micro, prompts_per_step: 2}
rollout: {group_size: 6, max_tokens: 12, temperature: 1.5, max_sequences: 6, stop: [a, b, c, "0", "1"]}
reward: {overlong: {name: soft, buffer: 12}}
update: {lr: 3.0e-3, mini_batch_prompts: 1, micro_batch_tokens: 300}
eval: {prompts: 2, k: 2, before: false}
trainer: {steps: 3, checkpoint_every: 1, keep_checkpoints: 9}
)";
  }
  Recipe Make(const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), {"name=" + name, "output=" + folder_.path() + "/runs",
                             "model=" + folder_.path() + "/model"});
    return LoadRecipe(folder_.path() + "/rl.yaml", more);
  }
  std::string Run(const std::string& name) const { return folder_.path() + "/runs/" + name; }
  void ExpectSameRuns(const std::string& a, const std::string& b) {
    for (const char* file : {"/hf/model.safetensors", "/trainer.safetensors", "/trainer.json"}) {
      EXPECT_EQ(ReadFile(CheckpointFolder(Run(a), 3) + file),
                ReadFile(CheckpointFolder(Run(b), 3) + file))
          << file;
    }
    for (const char* step : {"1", "2", "3"}) {
      const std::string file = std::string("/rollouts/step_00000") + step + ".jsonl";
      EXPECT_EQ(ReadFile(Run(a) + file), ReadFile(Run(b) + file));
    }
  }
  TempFolder folder_;
};

class RolloutTraining : public RolloutFolder, public testing::WithParamInterface<const char*> {};
constexpr const char* kSections[] = {
    "rollout.strategy={name: branch, first: 2, branches: 2, top_k: 4}",
    "rollout.strategy={name: branch, first: 2, branches: 1, cuts: 2, at: even, prefix: "
    "per_trajectory}",
    "rollout.strategy={name: tree, max_depth: 4, width: 3}",
    "rollout.token_temperature={name: hapo, tau: 0.5, q: 0.5}",
    "rollout.sampling_context={after: \" Hint: the answer is 12\"}",
    "rollout.quantization=int8",
};
INSTANTIATE_TEST_SUITE_P(, RolloutTraining, testing::ValuesIn(kSections),
                         [](const auto& info) { return "section" + std::to_string(info.index); });

TEST_P(RolloutTraining, SameBytesForAnyThreadsAndResumed) {
  std::vector<std::string> section = {GetParam()};
  if (section[0].find("tree") != std::string::npos)
    section.push_back("advantage={name: deepsearch}");
  const bool quantised = section[0].find("int8") != std::string::npos;
  if (quantised)
    section.push_back(
        "token_weight=[{name: ais, ema: 0.9, previous: {controller: last_value}}, {name: "
        "rollout_is}]");
  auto with = section;
  with.push_back("threads=1");
  Train(Make("base", with));
  with = section;
  with.insert(with.end(),
              {"threads=2", "rollout.max_sequences=64", "update.micro_batch_tokens=9999"});
  Train(Make("two", with));
  ExpectSameRuns("base", "two");

  fs::copy(Run("base"), Run("killed"), fs::copy_options::recursive);
  for (const int64_t step : {2, 3}) fs::remove_all(CheckpointFolder(Run("killed"), step));
  fs::remove_all(Run("killed") + "/model");
  WriteFileAtomically(Run("killed") + "/checkpoints/latest", StepName(1) + "\n");
  Resume(Run("killed"));
  ExpectSameRuns("base", "killed");

  double norm = 0;
  for (const int64_t step : {1, 2, 3}) {
    const Metrics m = ReadMetrics(Run("base"), step);
    // Of quantised rollouts it is the other policy's distance; that recorded and computed log-probs
    // of the policy that trains are the same bits, the update has checked.
    const double diff = m.at("training/rollout_probs_diff_max");
    EXPECT_EQ(diff > 1e-5, quantised) << diff;
    EXPECT_EQ(diff > 0, quantised) << diff;
    norm = std::max(norm, m.at("actor/grad_norm"));
  }
  EXPECT_GT(norm, 1e-4);  // it learned something: otherwise equality says little
  // Any sample of any step again: the first line of rollouts/ names one.
  const std::string lines = ReadFile(Run("base") + "/rollouts/step_000003.jsonl");
  const auto number = [&](const std::string& key) {
    return std::stoll(lines.substr(lines.find("\"" + key + "\":") + key.size() + 3));
  };
  const Tree tree =
      ReplaySample(Run("base"), 3, number("prompt_index"), static_cast<int>(number("sample")));
  std::string ids;
  for (const int32_t token : tree.ResponseTokens(tree.leaves[0]))
    ids += (ids.empty() ? "" : ",") + std::to_string(token);
  EXPECT_NE(lines.find("\"token_ids\":[" + ids + "]"), std::string::npos);
}

// Sampled with the hint in the prompt, trained without it.
TEST_F(RolloutFolder, SamplingContextIsNotInThePromptThatTrains) {
  Train(Make("plain", {"trainer.steps=1"}));
  Train(Make("hint",
             {"trainer.steps=1", "rollout.sampling_context={before: \"1 2\", after: \" 3\"}"}));
  const std::string plain = ReadFile(Run("plain") + "/rollouts/step_000001.jsonl"),
                    hint = ReadFile(Run("hint") + "/rollouts/step_000001.jsonl");
  const auto prompt = [](const std::string& line) {
    const size_t begin = line.find("\"prompt\":");
    return line.substr(begin, line.find("\"response\":") - begin);
  };
  EXPECT_EQ(prompt(plain), prompt(hint));
  EXPECT_NE(plain, hint);
}

// int8: the samples are another policy's, the recorded log-probs the trained policy's own; a
// correction changes the update, and with adapters and in bf16 it works the same.
TEST_F(RolloutFolder, QuantisedRolloutsTrainAndAreMeasured) {
  const std::string int8 = "rollout.quantization=int8";
  Train(Make("plain", {"trainer.steps=1"}));
  Train(Make("int8", {"trainer.steps=1", int8}));
  Train(Make("tis", {"trainer.steps=1", int8, "token_weight=[{name: rollout_is}]"}));
  Train(
      Make("lora", {"trainer.steps=2", int8, "lora.rank=2", "compute=bf16", "rollout.top_p=0.9"}));
  const auto weights = [&](const char* run) {
    return ReadFile(CheckpointFolder(Run(run), 1) + "/hf/model.safetensors");
  };
  EXPECT_NE(weights("plain"), weights("int8"));
  EXPECT_NE(weights("int8"), weights("tis"));
  EXPECT_EQ(ReadFile(Run("int8") + "/rollouts/step_000001.jsonl"),
            ReadFile(Run("tis") + "/rollouts/step_000001.jsonl"));
  EXPECT_EQ(ReadMetrics(Run("plain"), 1).count("rollout_corr/kl"), 0u);
  for (const char* run : {"int8", "tis", "lora"}) {
    const Metrics m = ReadMetrics(Run(run), 1);
    EXPECT_GT(m.at("rollout_corr/logp_abs_diff"), 1e-5) << run;
    EXPECT_GT(m.at("training/rollout_probs_diff_max"), m.at("training/rollout_probs_diff_mean"));
    EXPECT_LT(m.at("rollout_corr/seq_eff_sample_size"), 1);
  }
  const Metrics m = ReadMetrics(Run("tis"), 1);
  EXPECT_GT(m.at("training/rollout_actor_probs_pearson_corr"), 0.9);
  EXPECT_NEAR(m.at("rollout_corr/rollout_is_mean"), 1, 0.1);
}

// Without a correction a run says so, once; with one it does not.
TEST_F(RolloutFolder, UncorrectedQuantisedRolloutsAreWarnedOf) {
  const auto says = [&](const std::vector<std::string>& more) {
    testing::internal::CaptureStderr();
    WarnOfMismatch(Make("warn", more));
    return testing::internal::GetCapturedStderr();
  };
  const std::string int8 = "rollout.quantization=int8";
  EXPECT_EQ(says({}), "");
  EXPECT_NE(says({int8}).find("token_weight: [{name: rollout_is}]"), std::string::npos);
  EXPECT_NE(says({int8, "token_weight=[{name: forking_tokens}]"}), "");
  EXPECT_EQ(says({int8, "token_weight=[{name: forking_tokens}, {name: ais}]"}), "");
  EXPECT_EQ(says({int8, "token_weight={name: rollout_is}"}), "");
}

// Two responses; log-probs of p and q by hand.
TEST(RolloutMismatch, HandWorked) {
  Rows rows;
  rows.begin = {0, 2, 3, 4};
  rows.group_begin = {0, 3};
  rows.foreign = {0, 0, 1};  // the last one is an expert's
  rows.reward = {0, 0, 0};
  rows.token = {1, 2, 3, 4};
  const double p[] = {0.5, 0.8, 0.2, 0.9}, q[] = {0.25, 0.8, 0.4, 0.1};
  for (int t = 0; t < 4; ++t) {
    rows.logp_old.push_back(std::log(p[t]));
    rows.sampler_logp.push_back(std::log(q[t]));
  }
  Metrics m;
  MeasureMismatch(rows, &m);
  const double ln2 = std::log(2);  // d = ln 2, 0, -ln 2
  EXPECT_NEAR(m.at("training/rollout_probs_diff_mean"), 0.15, 1e-12);
  EXPECT_NEAR(m.at("training/rollout_probs_diff_max"), 0.25, 1e-12);
  EXPECT_NEAR(m.at("training/rollout_probs_diff_std"), std::sqrt(0.0175), 1e-12);
  // About the means: p 0, .3, -.3; q -.7 / 3, .95 / 3, -.25 / 3.
  EXPECT_NEAR(m.at("training/rollout_actor_probs_pearson_corr"),
              0.12 / std::sqrt(0.18 * (0.49 + 0.9025 + 0.0625) / 9), 1e-12);
  EXPECT_NEAR(m.at("rollout_corr/kl"), 0, 1e-12);
  EXPECT_NEAR(m.at("rollout_corr/k3_kl"), (2 - 1 - ln2 + 0.5 - 1 + ln2) / 3, 1e-12);
  EXPECT_NEAR(m.at("rollout_corr/chi2_token"), (3 - 0.75) / 3, 1e-12);
  EXPECT_NEAR(m.at("rollout_corr/log_ppl_diff"), (-ln2 / 2 + ln2) / 2, 1e-12);
  EXPECT_NEAR(m.at("rollout_corr/logp_abs_diff"), 2 * ln2 / 3, 1e-12);
  // W = 2 and 1 / 2: 6.25 / (2 * 4.25).
  EXPECT_NEAR(m.at("rollout_corr/seq_eff_sample_size"), 6.25 / 8.5, 1e-12);
}

// H and q of the catalogue's check: c = ln .4, u - c = ln 2 (-2, -1, 0, 1, 2), s = sqrt(2) ln 2.
TEST(TokenTemperature, HandWorkedNormaliser) {
  const std::vector<double> entropy = {0.1, 0.2, 0.4, 0.8, 1.6};
  TokenTemperatureSettings settings{.name = "hapo", .tau = 0.05, .q = 0.5, .negative = "intended"};
  EntropyTemperature t = FitTokenTemperature(settings, entropy);
  EXPECT_NEAR(t.center, -0.916290732, 1e-9);
  EXPECT_NEAR(t.scale, 0.980258143, 1e-9);
  const double hhat[] = {-1, -0.5, 0, 0.5, 1};
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(t.Factor(entropy[i]), 1 + 0.05 * hhat[i], 1e-7);
  settings.negative = "released";
  t = FitTokenTemperature(settings, entropy);
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(t.Factor(entropy[i]), 1 + 0.05 * std::abs(hhat[i]), 1e-7);
  EXPECT_EQ(FitTokenTemperature(settings, {}).tau, 0);
  EXPECT_EQ(LoadTokenTemperature({}).tau, 0);
  RunState state;
  SaveTokenTemperature(t, &state);
  EXPECT_EQ(LoadTokenTemperature(state).down, t.down);
  EXPECT_EQ(LoadTokenTemperature(state).center, t.center);
}

TEST_F(RolloutFolder, AnotherStrategysParameterIsUnknown) {
  try {
    Make("wrong", {"rollout.strategy={name: tree, top_k: 3}"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("top_k"), std::string::npos) << e.what();
  }
  try {
    Make("wrong", {"rollout.strategy={name: branch, first: 4, branches: 3}"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("group_size is 6"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace rlvr
