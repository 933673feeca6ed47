// Sharded conversations in which a required shard is never told.
#include <gtest/gtest.h>

#include <set>

#include "env/environment.h"

namespace rlvr {
namespace {

Prompt Apples() {
  Prompt prompt;
  prompt.messages = {{"user", "the whole question"}};
  prompt.data_source = "gsm_micro";
  prompt.ground_truth = "12";
  prompt.extra_info = R"({"question": "?", "shards": [
    {"shard_id": 1, "shard": "How many apples does Tom have?"},
    {"shard_id": 2, "shard": "Tom starts with 7 apples.", "required": true},
    {"shard_id": 3, "shard": "His shop is on Main Street.", "required": false},
    {"shard_id": 4, "shard": "Tom buys 5 apples.", "required": true}]})";
  return prompt;
}

struct Told {
  std::set<std::string> shards;
  int turns = 0;
  bool specified = false;
  double withheld = 0;
};

// A policy that always asks.
Told Talk(const std::string& yaml, uint64_t group, uint64_t sample) {
  const ConfigNode node = ParseConfig(yaml, "test");
  const auto maker = MakeEnvironment(&node, {});
  const auto environment = maker->Make();
  Told told;
  environment->Reset(Apples(), RandomKey(group), RandomKey(sample));
  for (bool done = false; !done; ++told.turns) {
    const Reply reply = environment->Step({.turn = told.turns, .text = "What else?"});
    told.specified = told.specified || reply.outcome.illocution == Illocution::kSpecified;
    for (const auto& message : reply.messages) told.shards.insert(message.content);
    done = reply.done;
  }
  told.withheld = environment->End(Finish::kStop).metrics.at("withheld");
  return told;
}

TEST(Withheld, OneRequiredShardOfAGroupIsNeverTold) {
  std::set<std::string> facts;  // required ones that were told
  for (uint64_t group = 0; group < 20; ++group) {
    const Told told = Talk("{name: sharded, withhold_share: 1}", group, 1);
    EXPECT_EQ(told.withheld, 1);
    EXPECT_FALSE(told.specified);
    EXPECT_EQ(told.turns, 3);  // the intent and two more
    EXPECT_TRUE(told.shards.count("His shop is on Main Street."));
    EXPECT_EQ(told.shards.size(), 2u);
    EXPECT_EQ(Talk("{name: sharded, withhold_share: 1}", group, 2).shards, told.shards);
    facts.insert(*told.shards.rbegin());
  }
  EXPECT_EQ(facts.size(), 2u);  // now one, now the other
}

TEST(Withheld, AShareOfTheGroups) {
  int withheld = 0;
  for (uint64_t group = 0; group < 200; ++group) {
    const Told told = Talk("{name: sharded, withhold_share: 0.25}", group, 1);
    EXPECT_EQ(told.specified, told.withheld == 0);
    EXPECT_EQ(told.shards.size(), told.withheld == 0 ? 3u : 2u);
    withheld += told.withheld == 1;
  }
  EXPECT_NEAR(withheld, 50, 25);  // four standard deviations of 6.1
  EXPECT_EQ(Talk("{name: sharded}", 3, 1).withheld, 0);
}

}  // namespace
}  // namespace rlvr
