// The factory: names, settings, defaults.
#include "env/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace rlvr {
namespace {

std::string ErrorOf(const std::string& yaml) {
  const ConfigNode node = ParseConfig(yaml, "recipe.yaml");
  try {
    MakeEnvironment(&node, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Environment, NoneMeansOneTurn) {
  EXPECT_EQ(MakeEnvironment(nullptr, {}), nullptr);
  const ConfigNode none = ParseConfig("{name: none}", "t");
  EXPECT_EQ(MakeEnvironment(&none, {}), nullptr);
}

TEST(Environment, ListIsSorted) {
  const auto& list = Environments();
  EXPECT_TRUE(std::is_sorted(list.begin(), list.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const auto& info : list) EXPECT_FALSE(info.description.empty()) << info.name;
}

TEST(Environment, MisspeltNamesAndKeysNameTheNearest) {
  EXPECT_NE(ErrorOf("{name: shaded}").find("'sharded'"), std::string::npos);
  EXPECT_NE(ErrorOf("{name: sharded, extra_turn: 1}").find("'extra_turns'"), std::string::npos);
  EXPECT_NE(ErrorOf("{name: sharded, user: {name: scripte}}").find("scripted"), std::string::npos);
  EXPECT_NE(ErrorOf("{name: sharded, turn_reward: {name: icpo, penalty_needles: 1}}")
                .find("'penalty_needless'"),
            std::string::npos);
  // A key that another user has is unknown to this one.
  EXPECT_NE(ErrorOf("{name: sharded, user: {name: scripted, url: x}}").find("url"),
            std::string::npos);
  EXPECT_NE(ErrorOf("{name: sharded, full_share: 2}"), "");
  EXPECT_NE(ErrorOf("{name: sharded, full_prompt: Solve}").find("[[QUESTION]]"), std::string::npos);
  EXPECT_NE(ErrorOf("{max_turns: 2}").find("no name"), std::string::npos);
}

TEST(Environment, ResolveWritesEveryDefaultAndStays) {
  const ConfigNode given =
      ParseConfig("{name: sharded, max_turns: 5, user: {name: answering, overlap: 2}}", "t");
  const ConfigNode resolved = ResolveEnvironment(&given);
  EXPECT_EQ(resolved.Find("max_turns")->scalar, "5");
  EXPECT_EQ(resolved.Find("end_on_correct")->scalar, "true");
  EXPECT_EQ(resolved.Find("conversation")->scalar, "sharded");
  EXPECT_EQ(resolved.Find("user")->Find("overlap")->scalar, "2");
  EXPECT_EQ(resolved.Find("user")->Find("rephrase")->scalar, "false");
  EXPECT_EQ(resolved.Find("user")->Find("url"), nullptr);
  EXPECT_EQ(resolved.Find("turn_reward")->Find("name")->scalar, "none");
  const std::string text = ToYaml(resolved);
  const ConfigNode again = ParseConfig(text, "t");
  EXPECT_EQ(ToYaml(ResolveEnvironment(&again)), text);
  EXPECT_NE(MakeEnvironment(&again, {}), nullptr);
  EXPECT_EQ(ResolveEnvironment(nullptr).Find("name")->scalar, "none");
}

TEST(Environment, LimitsOfConversations) {
  const ConfigNode given = ParseConfig("{name: tool, max_turns: 3, max_tokens: 512}", "t");
  EXPECT_EQ(ReadConversationLimits(&given).max_turns, 3);
  EXPECT_EQ(ReadConversationLimits(&given).max_tokens, 512);
  EXPECT_EQ(ReadConversationLimits(nullptr).max_turns, 12);
}

}  // namespace
}  // namespace rlvr
