// Training on what the rollout strategies make: same bytes for any number of threads and resumed.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
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
};
INSTANTIATE_TEST_SUITE_P(, RolloutTraining, testing::ValuesIn(kSections),
                         [](const auto& info) { return "section" + std::to_string(info.index); });

TEST_P(RolloutTraining, SameBytesForAnyThreadsAndResumed) {
  std::vector<std::string> section = {GetParam()};
  if (section[0].find("tree") != std::string::npos)
    section.push_back("advantage={name: deepsearch}");
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
    EXPECT_EQ(m.at("training/rollout_probs_diff_max"), 0);
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
