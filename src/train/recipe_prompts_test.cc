#include "train/recipe_prompts.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "text/chat.h"
#include "train/trained_policy.h"

namespace rlvr {
namespace {

TEST(RecipePrompts, ListsOfFilesStayLists) {
  const Recipe r = LoadRecipe("grpo", {"model=base_tiny", "data.train=[a.jsonl, b.parquet]",
                                       "data.columns.answer=label", "data.instruction=Say it."});
  EXPECT_EQ(r.data.train, "a.jsonl;b.parquet");
  EXPECT_EQ(r.data.files.answer_column, "label");
  EXPECT_EQ(r.data.files.instruction, "Say it.");
  const ConfigNode* train = r.resolved.Find("data")->Find("train");
  ASSERT_EQ(train->kind, ConfigNode::Kind::kList);
  EXPECT_EQ(train->items[1].scalar, "b.parquet");
  EXPECT_EQ(LoadRecipe("grpo", {"model=base_tiny", "data.train=gsm_micro"}).data.train,
            "gsm_micro");
}

TEST(RecipePrompts, VariablesOfTheChatTemplate) {
  const std::string folder = testing::TempDir() + "/with_variables";
  std::filesystem::remove_all(folder);
  std::filesystem::copy(FindModelFolder("base_tiny"), folder);
  WriteFileAtomically(folder + "/chat_template.jinja",
                      "{{ messages[0].content }}{{ '!' if loud is defined and loud else '.' }}"
                      "{{ name if name is defined else '' }}{{ n + 1 if n is defined else '' }}");
  const auto opening = [&](std::vector<std::string> overrides) {
    overrides.push_back("model=" + folder);
    const Policy policy = LoadTrained(LoadRecipe("grpo", overrides), folder);
    const std::vector<Message> messages = {{"user", "x", ""}};
    return policy.tokenizer->Decode(EncodeOpening(*policy.tokenizer, messages));
  };
  EXPECT_EQ(opening({}), "x.");
  EXPECT_EQ(opening({"data.chat_template_kwargs={loud: true, name: Bob, n: 2}"}), "x!Bob3");
  EXPECT_EQ(opening({"data.chat_template_kwargs.loud=False"}), "x.");
  EXPECT_THROW(opening({"data.chat_template_kwargs={lout: true}"}), Error);
  EXPECT_THROW(opening({"data.chat_template_kwargs=[loud]"}), Error);
  EXPECT_THROW(opening({"data.chat_template_kwargs={loud: [1]}"}), Error);
  // What a run folder keeps says the same.
  const Recipe r = LoadRecipe("grpo", {"model=base_tiny", "data.chat_template_kwargs={n: 2}"});
  EXPECT_EQ(r.resolved.Find("data")->Find("chat_template_kwargs")->Find("n")->scalar, "2");
}

TEST(RecipePrompts, OptionsOfAnswersReachTheVerifier) {
  const auto right = [](std::vector<std::string> overrides, const char* gold, const char* answer) {
    overrides.insert(overrides.end(), {"model=base_tiny", "reward.name=math_verify"});
    const Recipe r = LoadRecipe("grpo", overrides);
    return MakeVerifier(r.reward.name, r.reward.verifiers)->Judge(answer, gold).verdict ==
           Verdict::kRight;
  };
  EXPECT_FALSE(right({}, "0.333", "$0.334$"));
  EXPECT_TRUE(right({"reward.answers.precision=2"}, "0.333", "$0.334$"));
  EXPECT_FALSE(right({}, "$x+1$", "$y+1$"));
  EXPECT_TRUE(right({"reward.answers.strict=false"}, "$x+1$", "$y+1$"));
  EXPECT_THROW(LoadRecipe("grpo", {"model=base_tiny", "reward.answers.language=latin"}), Error);
}

TEST(RecipePrompts, OverlongAreLeftOut) {
  const std::string path = testing::TempDir() + "/overlong.jsonl";
  std::string lines;
  for (const char* question : {"1+1?", "1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1?", "2+2?"})
    lines += std::string(R"({"prompt": ")") + question + R"(", "ground_truth": "2"})" + "\n";
  WriteFileAtomically(path, lines);
  const Policy policy = LoadPolicy("base_tiny", ComputeType::kFp32, false);
  const auto open = [&](int64_t most, bool filter) {
    Recipe r = LoadRecipe("grpo", {"model=base_tiny", "data.train=" + path});
    r.data.max_prompt_tokens = most;
    r.data.filter_overlong_prompts = filter;
    return OpenTrainPrompts(r, policy.tokenizer.get());
  };
  const auto all = open(1, false);
  ASSERT_EQ(all->size(), 3);
  const auto length = [&](int64_t i) {
    return static_cast<int64_t>(EncodePrompt(*policy.tokenizer, all->Get(i)).size());
  };
  ASSERT_GT(length(1), length(2));
  const auto chosen = open(length(1) - 1, true);
  ASSERT_EQ(chosen->size(), 2);
  EXPECT_EQ(chosen->Get(1).messages[0].second, "2+2?");
  EXPECT_EQ(chosen->Get(1).index, 2);
  EXPECT_EQ(open(length(1), true)->size(), 3);
  EXPECT_THROW(open(1, true), Error);
}

TEST(RecipePrompts, TruncationKeepsWhatItsNameSays) {
  const auto cut = [](const std::string& truncation, int64_t most) {
    std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6};
    EXPECT_EQ(TruncatePrompt(most, truncation, &tokens), most < 6);
    return tokens;
  };
  using Tokens = std::vector<int32_t>;
  EXPECT_EQ(cut("left", 2), (Tokens{5, 6}));
  EXPECT_EQ(cut("right", 2), (Tokens{1, 2}));
  EXPECT_EQ(cut("middle", 3), (Tokens{1, 5, 6}));  // verl: the smaller half first
  EXPECT_EQ(cut("middle", 6), (Tokens{1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace rlvr
