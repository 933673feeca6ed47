#include "data/shards.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "data/jsonl.h"

namespace rlvr {
namespace {

std::string MessageOf(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// A record in the form of lost-in-conversation's math task.
constexpr const char* kRecord =
    R"({"task_id": "own/1", "task": "math", "question": "Ann buys 2 boxes of 1,200 nails for $3.50. )"
    R"(How many nails?", "answer": "2 * 1200 = <<2*1200=2400>>2400\n#### 2400", "shards": [)"
    R"({"shard_id": 1, "shard": "How many nails does Ann have?"}, )"
    R"({"shard_id": 2, "shard": "She buys 2 boxes.", "paraphrases": ["Two boxes."]}, )"
    R"({"shard_id": 3, "paraphrases": ["A box holds 1,200 nails.", "1,200 in each."]}, )"
    R"({"shard_id": 4, "shard": "She pays $3.50.", "required": false}]})";

TEST(Shards, RecordOfLostInConversation) {
  const Prompt p = ParsePrompt(kRecord, "f:1", 7);
  EXPECT_EQ(p.data_source, "lic_math");
  EXPECT_EQ(p.ground_truth, "2400");
  EXPECT_EQ(p.index, 7);
  ASSERT_EQ(p.messages.size(), 1u);
  EXPECT_EQ(p.messages[0].second, "Ann buys 2 boxes of 1,200 nails for $3.50. How many nails?");

  const ShardedText text = ReadShards(p).value();
  EXPECT_EQ(text.question, p.messages[0].second);
  EXPECT_TRUE(text.complete);
  EXPECT_FALSE(text.intent_leaks);
  EXPECT_EQ(TextsOf(text.shards),
            (std::vector<std::string>{"How many nails does Ann have?", "She buys 2 boxes.",
                                      "A box holds 1,200 nails.", "She pays $3.50."}));
  EXPECT_EQ(text.shards[2].paraphrases, (std::vector<std::string>{"1,200 in each."}));
  EXPECT_EQ(text.shards[2].id, 3);
  EXPECT_TRUE(text.shards[2].required);
  EXPECT_FALSE(text.shards[3].required);
}

TEST(Shards, OpensAsPromptsAndNamesABrokenLine) {
  const std::string path = testing::TempDir() + "sharded.jsonl";
  std::string line = kRecord;
  WriteFileAtomically(path, line + "\n" + line + "\n");
  EXPECT_EQ(OpenPrompts(path, Split::kTest, 0)->size(), 2);
  WriteFileAtomically(path, line + "\n" + R"({"question": "x", "answer": "5", "shards": []})");
  EXPECT_NE(MessageOf([&] { OpenPrompts(path, Split::kTest, 0); }).find(":2: has neither"),
            std::string::npos);
  WriteFileAtomically(path, R"({"question": "x", "ground_truth": 5, "shards": [{"shard": 3}]})");
  EXPECT_NE(MessageOf([&] { OpenPrompts(path, Split::kTest, 0); }).find("shard 1 has a 'shard'"),
            std::string::npos);
}

TEST(Shards, AShardWithoutTextMakesThemIncomplete) {
  const Prompt p = ParsePrompt(
      R"({"question": "q", "ground_truth": 5, "shards": [{"shard": "a?"}, {"paraphrases": []}]})",
      "f:1", 0);
  const ShardedText text = ReadShards(p).value();
  EXPECT_EQ(text.shards.size(), 1u);
  EXPECT_FALSE(text.complete);
}

TEST(Shards, WrittenAndReadAgain) {
  const ShardedText text = ReadShards(ParsePrompt(kRecord, "f:1", 0)).value();
  Prompt p;
  p.extra_info = "{" + ShardsJson(text) + "}";
  const ShardedText again = ReadShards(p).value();
  EXPECT_EQ(again.question, text.question);
  EXPECT_EQ(TextsOf(again.shards), TextsOf(text.shards));
  for (size_t i = 0; i < text.shards.size(); ++i) {
    EXPECT_EQ(again.shards[i].id, text.shards[i].id);
    EXPECT_EQ(again.shards[i].required, text.shards[i].required);
    EXPECT_EQ(again.shards[i].paraphrases, text.shards[i].paraphrases);
  }
  EXPECT_FALSE(ReadShards({.extra_info = R"({"index": 3})"}).has_value());
  EXPECT_FALSE(ReadShards({}).has_value());
}

TEST(Shards, ConcatIsBullets) {
  EXPECT_EQ(ConcatText({"How many?", "Tom has 3."}), "- How many?\n- Tom has 3.\n");
}

TEST(Shards, Numbers) {
  EXPECT_EQ(NumbersIn("He paid $80,000. Then 2.50, 3, and 150% of A4."),
            (std::vector<std::string>{"80000", "2.50", "3", "150", "4"}));
  EXPECT_TRUE(NumbersIn("twice as many").empty());
  EXPECT_TRUE(HoldsAllNumbers("3 pens and 1,000 more", "1000 and 3"));
  EXPECT_FALSE(HoldsAllNumbers("3 pens", "3 pens and 3 books"));  // once is not twice
  EXPECT_FALSE(HoldsAllNumbers("13", "3"));
}

}  // namespace
}  // namespace rlvr
