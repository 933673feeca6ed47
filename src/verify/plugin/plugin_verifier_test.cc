#include "verify/plugin/plugin_verifier.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "verify/verifier_settings.h"

namespace rlvr {
namespace {

TEST(PluginVerifier, TheExample) {
  VerifierSettings settings;
  settings.plugin = {.file = RLVR_EXAMPLE_REWARD, .options = "10"};
  const auto verifier = MakeVerifier("plugin", settings);
  JudgedPrompt prompt;
  prompt.messages = {{"user", "Where?"}};
  prompt.ground_truth = "Paris";
  const Judgement right = verifier->JudgePrompt(prompt, "It is Paris");
  EXPECT_EQ(right.verdict, Verdict::kRight);
  EXPECT_DOUBLE_EQ(*right.score, 1 - 3 / 20.0);
  EXPECT_EQ(right.answer, "Paris");
  ASSERT_EQ(right.metrics.size(), 1u);
  EXPECT_EQ(right.metrics[0], std::pair(std::string("words"), 3.0));
  const Judgement wrong = verifier->Judge("Rome", "Paris");
  EXPECT_EQ(wrong.verdict, Verdict::kWrong);
  EXPECT_EQ(wrong.score, 0);
}

void ExpectRefused(const PluginSettings& settings, const std::string& what) {
  try {
    MakePluginVerifier(settings);
    FAIL() << settings.file;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

TEST(PluginVerifier, Refuses) {
  ExpectRefused({}, "needs a shared object");
  ExpectRefused({.file = "/nonexistent.so"}, "cannot open shared object");
  ExpectRefused({.file = RLVR_SOURCE_DIR "/LICENSE"}, "reward.plugin");
  ExpectRefused({.file = "/lib/x86_64-linux-gnu/libm.so.6"}, "rlvr_reward_plugin_entry");
  ExpectRefused({.file = RLVR_EXAMPLE_REWARD, .options = "many"}, "it cannot begin: stoi");
}

}  // namespace
}  // namespace rlvr
