#include "data/data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "data/countdown.h"
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

TEST(Jsonl, FieldsOfTheFieldsColumns) {
  const Prompt p = ParsePrompt(
      R"({"data_source": "x", "prompt": [{"role": "user", "content": "2+2?"}], "ability": "math",
      "reward_model": {"style": "rule", "ground_truth": "4"}, "extra_info": {"index": 3}})",
      "f:1", 3);
  EXPECT_EQ(p.messages[0].second, "2+2?");
  EXPECT_EQ(p.ground_truth, "4");
  EXPECT_EQ(ParsePrompt(ToJsonLine(p), "f:1", 3).extra_info, p.extra_info);
  EXPECT_EQ(ParsePrompt(R"({"prompt": "hi", "ground_truth": 4})", "f:1", 0).ground_truth, "4");
}

TEST(Jsonl, BrokenLine37IsNamed) {
  std::string text;
  for (int i = 1; i <= 50; ++i)
    text += i == 37 ? "{\"prompt\": \"cut\n" : "{\"prompt\": \"p\", \"ground_truth\": \"1\"}\n";
  const std::string path = testing::TempDir() + "line37.jsonl";
  WriteFileAtomically(path, text);
  const std::string message = MessageOf([&] { OpenPrompts(path, Split::kTrain, 0); });
  EXPECT_EQ(message.find(path + ":37: is not JSON"), 0u) << message;
  EXPECT_NE(message.find("mend or remove this line"), std::string::npos);
}

TEST(Jsonl, MissingColumnNamesTheNearest) {
  EXPECT_NE(MessageOf([] {
              ParsePrompt(R"({"promt": "x", "ground_truth": "1"})", "f:2", 0);
            }).find("did you mean 'promt'?"),
            std::string::npos);
  EXPECT_NE(MessageOf([] { ParsePrompt("[1]", "f:2", 0); }).find("f:2: is no JSON object"),
            std::string::npos);
}

TEST(OpenPrompts, Options) {
  const auto source =
      OpenPrompts("gsm_micro:min_steps=2,max_steps=2,train_size=5", Split::kTrain, 0);
  EXPECT_EQ(source->size(), 5);
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_NE(source->Get(i).extra_info.find("\"steps\":2"), std::string::npos);
  EXPECT_NE(MessageOf([] {
              OpenPrompts("gsm_micro:max_stpes=4", Split::kTrain, 0);
            }).find("did you mean 'max_steps'?"),
            std::string::npos);
  EXPECT_NE(MessageOf([] {
              OpenPrompts("gsm_macro", Split::kTrain, 0);
            }).find("did you mean 'gsm_micro'?"),
            std::string::npos);
}

TEST(PromptOrder, EachEpochIsAPermutation) {
  PromptOrder order(20, 1);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> rows;
    for (int64_t i = 0; i < 20; ++i) rows.insert(order.At(epoch * 20 + i));
    EXPECT_EQ(rows.size(), 20u);
  }
  const int64_t late = order.At(45);
  EXPECT_EQ(PromptOrder(20, 1).At(45), late);  // resuming is setting the position
}

TEST(FamilyOf, TextOrNumber) {
  const auto family = [](const std::string& info) {
    return FamilyOf({.extra_info = info}, "group", "f:1");
  };
  EXPECT_EQ(family(R"({"group": "family-7", "steps": 2})"), "family-7");
  EXPECT_EQ(family(R"({"group": 7})"), "7");
  for (const char* info : {"", "{}", R"({"group": null})", R"({"group": [7]})"}) {
    const std::string message = MessageOf([&] { family(info); });
    EXPECT_NE(message.find("f:1: extra_info has no text or number 'group'"), std::string::npos);
  }
}

TEST(FamiliesOf, NumberedByFirstRows) {
  const std::string path = testing::TempDir() + "/families.jsonl";
  std::ofstream file(path);
  for (const char* group : {"b", "a", "b", "c"})
    file << R"({"prompt": "x", "ground_truth": "1", "extra_info": {"group": ")" << group
         << "\"}}\n";
  file.close();
  const auto prompts = OpenPrompts(path, Split::kTrain, 0);
  EXPECT_EQ(FamiliesOf(*prompts, "group"), (std::vector<int32_t>{0, 1, 0, 2}));
  const std::string message = MessageOf([&] { FamiliesOf(*prompts, "grup"); });
  EXPECT_NE(message.find("families.jsonl: prompt 0"), std::string::npos) << message;
}

TEST(PromptOrder, FamiliesTogether) {
  const std::vector<int32_t> family = {0, 1, 2, 0, 1, 2, 0, 3};
  PromptOrder order(8, 1, family), plain(8, 1);
  std::set<std::vector<int32_t>> seen;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    std::set<int64_t> rows;
    std::vector<int32_t> runs;  // families, each run of equal ones once
    for (int64_t i = 0; i < 8; ++i) {
      const int64_t row = order.At(epoch * 8 + i);
      rows.insert(row);
      const int32_t f = family[static_cast<size_t>(row)];
      if (runs.empty() || runs.back() != f) runs.push_back(f);
    }
    EXPECT_EQ(rows.size(), 8u);
    EXPECT_EQ(runs.size(), 4u);
    EXPECT_EQ(order.At(epoch * 8), plain.At(epoch * 8));
    seen.insert(runs);
  }
  EXPECT_GT(seen.size(), 1u);  // their order is another one in each pass
  const int64_t late = order.At(29);
  EXPECT_EQ(PromptOrder(8, 1, family).At(29), late);
}

TEST(Countdown, SolvableAndSplitsDisjoint) {
  const auto key = [](const CountdownProblem& p) {
    auto numbers = p.numbers;
    std::sort(numbers.begin(), numbers.end());
    return std::pair(numbers, p.target);
  };
  std::set<std::pair<std::vector<int64_t>, int64_t>> train;
  for (int64_t i = 0; i < 1000; ++i) train.insert(key(MakeCountdown({}, 0, Split::kTrain, i)));
  for (int64_t i = 0; i < 300; ++i)
    EXPECT_FALSE(train.count(key(MakeCountdown({}, 0, Split::kTest, i))));
}

}  // namespace
}  // namespace rlvr
