#include "data/underspecified.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "data/shards.h"

namespace rlvr {
namespace {

constexpr const char* kSharded = "gsm_micro:shards=true,max_steps=4,train_size=200";

std::vector<std::string> Missing(const Prompt& p) {
  return nlohmann::json::parse(p.extra_info)["missing"].get<std::vector<std::string>>();
}
std::string Illocution(const Prompt& p) {
  return nlohmann::json::parse(p.extra_info)["illocution"].get<std::string>();
}

TEST(Underspecified, SharesOfRowsAndLabels) {
  UnderspecifiedPrompts prompts(OpenPrompts(kSharded, Split::kTrain, 1),
                                {.ratio = 0.3, .complete = 0.2}, 1);
  // 200 are half of the rows.
  EXPECT_EQ(prompts.size(), 400);
  EXPECT_EQ(prompts.num_underspecified(), 120);
  EXPECT_EQ(prompts.num_left_out(), 0);
  const auto plain = OpenPrompts(kSharded, Split::kTrain, 1);
  for (int64_t i = 0; i < prompts.size(); ++i) {
    const Prompt p = prompts.Get(i);
    EXPECT_EQ(p.index, i);
    EXPECT_EQ(Illocution(p), i < 280 ? "specified" : "underspecified");
    EXPECT_EQ(Missing(p).empty(), i < 280);
    if (i < 200) {
      EXPECT_EQ(p.messages, plain->Get(i).messages);  // the original stays
      EXPECT_EQ(p.target, plain->Get(i).target);
    } else if (i < 280) {
      EXPECT_EQ(p.messages[0].second, ConcatText(TextsOf(ReadShards(p)->shards)));
    } else {
      EXPECT_TRUE(p.target.empty());
    }
  }
  EXPECT_EQ(prompts.name(),
            "gsm_micro (train), 200 rows, 80 more in shards, 120 underspecified (0 rows left out)");
}

TEST(Underspecified, ShardsAsTurnsOfTheUser) {
  const auto rows = [](const std::string& form, const std::string& reply) {
    return UnderspecifiedPrompts(OpenPrompts(kSharded, Split::kTrain, 1),
                                 {.ratio = 0.3, .complete = 0.2, .form = form, .reply = reply}, 1);
  };
  const auto concat = rows("concat", ""), turns = rows("turns", ""), replied = rows("turns", "Ok."),
             mixed = rows("mixed", "");
  int64_t in_turns = 0;
  for (int64_t i = 200; i < turns.size(); ++i) {
    const Prompt p = turns.Get(i);
    std::vector<std::string> told;
    for (const auto& [role, text] : p.messages) {
      EXPECT_EQ(role, "user");
      told.push_back(text);
    }
    // The same is told and the same is missing, in another form.
    EXPECT_EQ(ConcatText(told), concat.Get(i).messages.back().second);
    EXPECT_EQ(p.extra_info, concat.Get(i).extra_info);
    const Prompt r = replied.Get(i);
    ASSERT_EQ(r.messages.size(), 2 * told.size() - 1);
    for (size_t m = 0; m < r.messages.size(); ++m) {
      EXPECT_EQ(r.messages[m].first, m % 2 == 0 ? "user" : "assistant");
      EXPECT_EQ(r.messages[m].second, m % 2 == 0 ? told[m / 2] : "Ok.");
    }
    const Prompt one = mixed.Get(i);
    EXPECT_TRUE(one.messages == p.messages || one.messages == concat.Get(i).messages);
    in_turns += one.messages == p.messages ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(in_turns) / 200, 0.5, 0.1);
}

TEST(Underspecified, NothingMissingLeaksOverSeedsAndMethods) {
  for (const auto& method : UnderspecifiedMethods()) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      UnderspecifiedPrompts prompts(
          OpenPrompts("gsm_micro:shards=true,train_size=80", Split::kTrain, seed),
          {.ratio = 0.5, .method = method}, seed);
      for (int64_t i = 80; i < prompts.size(); ++i) {
        const Prompt p = prompts.Get(i);
        const std::string& left = p.messages[0].second;
        const ShardedText text = ReadShards(p).value();
        const auto missing = Missing(p);
        ASSERT_FALSE(missing.empty());
        EXPECT_FALSE(HoldsAllNumbers(left, text.question)) << left;
        EXPECT_NE(left.find(text.shards[0].text), std::string::npos);  // the intent stays
        std::set<std::string> gone(missing.begin(), missing.end());
        for (size_t s = 1; s < text.shards.size(); ++s) {
          const Shard& shard = text.shards[s];
          const bool there = left.find(shard.text) != std::string::npos;
          const bool taken = gone.count(shard.text) > 0;
          if (shard.required) {
            EXPECT_NE(there, taken) << left << " | " << shard.text;
          } else {
            EXPECT_FALSE(taken);
          }
        }
      }
    }
  }
}

TEST(Underspecified, SubsetsAreUniform) {
  // Three required shards and a distractor: of the required ones 7 sets can be missing.
  Prompt p;
  p.messages = {{"user", "q 1 2 3 9"}};
  p.extra_info =
      R"({"question": "q 1 2 3 9", "shards": [{"shard": "q"}, {"shard": "a 1"}, {"shard": "b 2"},)"
      R"({"shard": "c 3"}, {"shard": "d 9", "required": false}]})";
  std::map<std::vector<std::string>, int> counts;
  constexpr int kDraws = 7000;
  int kept = 0;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const Prompt made = TakeAway(p, {}, RandomKey(5)[i]).value();
    ++counts[Missing(made)];
    kept += made.messages[0].second.find("d 9") != std::string::npos;
  }
  EXPECT_EQ(counts.size(), 7u);
  for (const auto& [missing, n] : counts) EXPECT_NEAR(n, 1000, 5 * std::sqrt(1000 * 6.0 / 7));
  EXPECT_NEAR(kept, kDraws / 2, 5 * std::sqrt(kDraws / 4.0));

  for (uint64_t i = 0; i < 300; ++i) {  // how many is a setting
    const UnderspecifiedSettings two = {.min_missing = 2, .max_missing = 2};
    EXPECT_EQ(Missing(TakeAway(p, two, RandomKey(6)[i]).value()).size(), 2u);
  }
  const UnderspecifiedSettings four = {.min_missing = 4};
  EXPECT_FALSE(TakeAway(p, four, RandomKey(6)).has_value());
}

TEST(Underspecified, ByHand) {
  Prompt p;
  p.messages = {{"user", "Ann has 3 pens. She likes red. Bob has 5 more. How many has Bob?"}};
  const UnderspecifiedSettings remove = {.method = "condition_removal", .max_missing = 1};
  std::set<std::string> left;
  for (uint64_t i = 0; i < 50; ++i)
    left.insert(TakeAway(p, remove, RandomKey(1)[i])->messages[0].second);
  EXPECT_EQ(left, (std::set<std::string>{"Ann has 3 pens. She likes red. How many has Bob?",
                                         "She likes red. Bob has 5 more. How many has Bob?"}));
  p.messages = {{"user", "If Ann has 3 pens and Bob 5 more, how many has Bob?"}};
  left.clear();
  for (uint64_t i = 0; i < 50; ++i)
    left.insert(TakeAway(p, remove, RandomKey(1)[i])->messages[0].second);
  EXPECT_EQ(left,
            (std::set<std::string>{"If Ann has some pens and Bob 5 more, how many has Bob?",
                                   "If Ann has 3 pens and Bob some more, how many has Bob?"}));
  p.extra_info = R"({"question": "3 pens, 5 more?", "shards": [{"shard": "How many?"},)"
                 R"({"shard": "3 pens"}, {"shard": "5 more"}]})";
  const Prompt intent = TakeAway(p, {.method = "intent_only"}, RandomKey(1)).value();
  EXPECT_EQ(intent.messages[0].second, "How many?");
  EXPECT_EQ(Missing(intent), (std::vector<std::string>{"3 pens", "5 more"}));
}

TEST(Underspecified, LeakingRowsAreLeftOutAndCounted) {
  const std::string good =
      R"({"question": "3 and 4?", "ground_truth": 7, "shards": [{"shard": "Sum?"}, {"shard": "3"},)"
      R"({"shard": "4"}]})";
  // The intent holds all numbers: as a flag of the data, and found by looking.
  const std::string flagged =
      R"({"question": "3 and 4?", "ground_truth": 7, "first_shard_leaks_all_numbers": true,)"
      R"("shards": [{"shard": "Sum?"}, {"shard": "3"}, {"shard": "4"}]})";
  const std::string leaking =
      R"({"question": "3 and 4?", "ground_truth": 7, "shards": [{"shard": "4 and 3?"},)"
      R"({"shard": "3"}, {"shard": "4"}]})";
  const std::string path = testing::TempDir() + "leaks.jsonl";
  WriteFileAtomically(path, good + "\n" + flagged + "\n" + leaking + "\n");
  UnderspecifiedPrompts prompts(OpenPrompts(path, Split::kTrain, 0), {.ratio = 0.5}, 0);
  EXPECT_EQ(prompts.num_underspecified(), 3);
  EXPECT_EQ(prompts.num_left_out(), 2);
  for (int64_t i = 3; i < 6; ++i)
    EXPECT_NE(prompts.Get(i).messages[0].second.find("Sum?"), std::string::npos);

  WriteFileAtomically(path, flagged + "\n");
  EXPECT_THROW(UnderspecifiedPrompts(OpenPrompts(path, Split::kTrain, 0), {.ratio = 0.5}, 0),
               Error);
  // Sentences of a problem without shards do not say whether they matter.
  EXPECT_THROW(UnderspecifiedPrompts(OpenPrompts("gsm_micro:train_size=3", Split::kTrain, 0),
                                     {.ratio = 0.5, .method = "condition_removal"}, 0),
               Error);
}

TEST(Underspecified, IsAFunctionOfSeedAndRow) {
  const auto texts = [](uint64_t seed) {
    const auto prompts =
        Underspecify(OpenPrompts(kSharded, Split::kTrain, 1), {.ratio = 0.3}, seed);
    std::vector<std::string> all;
    for (int64_t i = prompts->size(); i-- > 0;) all.push_back(prompts->Get(i).messages[0].second);
    return all;
  };
  EXPECT_EQ(texts(4), texts(4));
  EXPECT_NE(texts(4), texts(5));
  const auto off = Underspecify(OpenPrompts(kSharded, Split::kTrain, 1), {}, 4);
  EXPECT_EQ(off->size(), 200);
  EXPECT_EQ(off->Get(3).extra_info, OpenPrompts(kSharded, Split::kTrain, 1)->Get(3).extra_info);
}

}  // namespace
}  // namespace rlvr
