#include "data/shard_orders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "data/shards.h"

namespace rlvr {
namespace {

// Two problems: an intent and three facts, of which the last has two other wordings.
class FourShards : public PromptSource {
 public:
  int64_t size() const override { return 2; }
  Prompt Get(int64_t index) const override {
    Prompt p;
    p.messages = {{"system", "be brief"}, {"user", "the whole question"}};
    p.ground_truth = std::to_string(index);
    p.extra_info = R"({"level":7,"shards":[{"shard_id":1,"shard":"how many?"},
      {"shard_id":2,"shard":"a"},{"shard_id":3,"shard":"b"},
      {"shard_id":4,"shard":"c","paraphrases":["cc","ccc"],"required":false}]})";
    p.index = index;
    return p;
  }
  std::string name() const override { return "four"; }
};

ShardOrders Make(bool paraphrase, uint64_t seed = 3) {
  return {std::make_unique<FourShards>(), {.count = 24, .paraphrase = paraphrase}, seed};
}

TEST(ShardOrders, AFamilyOfOrders) {
  const ShardOrders orders = Make(false);
  ASSERT_EQ(orders.size(), 48);
  std::set<std::string> texts;
  for (int64_t row = 24; row < 48; ++row) {
    const Prompt p = orders.Get(row);
    EXPECT_EQ(p.index, row);
    EXPECT_EQ(p.ground_truth, "1");
    EXPECT_EQ(p.messages.front().second, "be brief");
    EXPECT_EQ(FamilyOf(p, "problem", "test"), "1");
    EXPECT_EQ(FamilyOf(p, "order", "test"), std::to_string(row - 24));
    EXPECT_EQ(FamilyOf(p, "level", "test"), "7");
    const std::string text = p.messages.back().second;
    EXPECT_TRUE(text.starts_with("- how many?\n- ")) << text;
    std::string letters = text;
    std::sort(letters.begin(), letters.end());
    EXPECT_EQ(letters.substr(letters.find('a')), "aabchmnowy");
    texts.insert(text);
    // A conversation reveals them in the same order, and knows which is required.
    const auto shards = ReadShards(p);
    ASSERT_EQ(shards->shards.size(), 4u);
    EXPECT_EQ(ConcatText(TextsOf(shards->shards)), text);
    EXPECT_EQ(shards->question, "the whole question");
    for (const Shard& s : shards->shards) EXPECT_EQ(s.required, s.text != "c");
  }
  EXPECT_EQ(orders.Get(24).messages.back().second, "- how many?\n- a\n- b\n- c\n");
  EXPECT_EQ(texts.size(), 6u);  // 3! orders; that 23 draws leave one out is 1 in 11
}

TEST(ShardOrders, Paraphrases) {
  const ShardOrders orders = Make(true);
  int own = 0, other = 0;
  for (int64_t row = 1; row < 24; ++row) {
    const std::string text = orders.Get(row).messages.back().second;
    (text.find("cc") == std::string::npos ? own : other) += 1;
    EXPECT_EQ(orders.Get(row).messages.back().second, text);
  }
  EXPECT_GT(own, 0);
  EXPECT_GT(other, own);  // two of three
  EXPECT_EQ(orders.Get(0).messages.back().second, "- how many?\n- a\n- b\n- c\n");
}

TEST(ShardOrders, OneOrderIsTheData) {
  auto prompts = std::make_unique<FourShards>();
  const PromptSource* same = prompts.get();
  EXPECT_EQ(InOrders(std::move(prompts), {}, 3).get(), same);
  const ShardOrders none(OpenPrompts("gsm_micro", Split::kTrain, 1), {.count = 2}, 1);
  EXPECT_THROW(none.Get(0), Error);
}

}  // namespace
}  // namespace rlvr
