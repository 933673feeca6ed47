#include "train/supervised_examples.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/error.h"
#include "model/pack_tree.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

// Bytes as tokens, so that every position can be told by hand.
Tokenizer Bytes() {
  const std::vector<std::string> texts = {"abc"};
  return TrainBpe(texts, {.vocab_size = 259,
                          .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
                          .pattern = {}});
}

const Example kConversation = {
    .messages = {{"user", "a?"}, {"assistant", "b?"}, {"user", "c"}, {"assistant", "de"}},
    .index = 3,
    .first_turn = 0};

// Each token of a tree as text, between bars where the expert wrote it.
std::string Marked(const Tokenizer& tokenizer, const Tree& tree) {
  std::string text;
  for (const Segment& s : tree.segments) {
    const std::string words = tokenizer.Decode(s.tokens);
    text += s.author == Author::kExpert ? "[" + words + "]" : words;
  }
  return text;
}

TEST(SupervisedExamples, LossIsOnTheAssistantsTurnsAndTheirEnds) {
  const Tokenizer tokenizer = Bytes();
  const int32_t end = tokenizer.TokenId("<|im_end|>");
  const Tree tree = MakeExampleTree(tokenizer, std::vector<int32_t>{end}, kConversation, false);
  EXPECT_EQ(Marked(tokenizer, tree),
            "<|im_start|>user\na?<|im_end|>\n<|im_start|>assistant\n[b?<|im_end|>]"
            "\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[de<|im_end|>]");
  ASSERT_EQ(tree.segments.size(), 4u);
  EXPECT_EQ(tree.segments[2].author, Author::kEnvironment);
  EXPECT_EQ(tree.leaves[0].segment, 3);
  EXPECT_EQ(tree.prompt_index, 3);

  // The same positions in what training packs. Opening: <|im_start|> u s e r \n a ? <|im_end|> \n
  // (10 tokens), <|im_start|> a s s i s t a n t \n (11): rows 0 to 20. "b?<|im_end|>" are rows 21 to
  // 23, predicted from 20 to 22. Then \n and <|im_start|> u s e r \n c <|im_end|> \n (1 + 9) and 11
  // again: rows 24 to 44. "de<|im_end|>" are rows 45 to 47, predicted from 44 to 46.
  const auto model = TinyModel(TinyConfig(tokenizer.vocab_size()), ComputeType::kFp32, 1);
  KvCache cache(model->config(), ComputeType::kFp32);
  const Tree* pointers[] = {&tree};
  const PackedTrees packed = PackTrees(pointers, Author::kExpert, &cache);
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  for (const Prediction& p : packed.predictions) {
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  EXPECT_EQ(rows, (std::vector<int64_t>{20, 21, 22, 44, 45, 46}));
  EXPECT_EQ(tokenizer.Decode(targets), "b?<|im_end|>de<|im_end|>");
  EXPECT_EQ(packed.batch.size(), 48);
}

TEST(SupervisedExamples, ASystemMessageAndRepliesInARow) {
  const Tokenizer tokenizer = Bytes();
  const std::vector<int32_t> end = {tokenizer.TokenId("<|im_end|>")};
  Example example = {
      .messages = {{"system", "s"}, {"user", "u"}, {"assistant", "<|im_end|>"}, {"assistant", "b"}},
      .index = 0,
      .first_turn = 0};
  // What looks like a marker in a message is text: its turn goes on to the real end.
  const Tree tree = MakeExampleTree(tokenizer, end, example, false);
  EXPECT_EQ(Marked(tokenizer, tree),
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n"
            "<|im_start|>assistant\n[<|im_end|><|im_end|>]\n<|im_start|>assistant\n[b<|im_end|>]");
  EXPECT_EQ(tree.segments[1].tokens.size(), 11u);  // ten bytes and the end
  // An assistant in the prompt of a prompt/response pair is not the response.
  example.first_turn = 3;
  EXPECT_EQ(MakeExampleTree(tokenizer, end, example, false).segments.size(), 2u);
}

TEST(SupervisedExamples, LossOnThePromptIsOnAllButTheFirstToken) {
  const Tokenizer tokenizer = Bytes();
  const std::vector<int32_t> end = {tokenizer.TokenId("<|im_end|>")};
  const Tree with = MakeExampleTree(tokenizer, end, kConversation, true),
             without = MakeExampleTree(tokenizer, end, kConversation, false);
  EXPECT_EQ(with.NumTokens(), without.NumTokens());
  EXPECT_EQ(with.segments[0].tokens.size(), 1u);
  for (size_t s = 1; s < with.segments.size(); ++s)
    EXPECT_EQ(with.segments[s].author, Author::kExpert);
}

class SupervisedFiles : public testing::Test {
 protected:
  Recipe Open(const std::string& lines) {
    const std::string path = folder_.path() + "/talk.jsonl";
    std::ofstream(path) << lines;
    Recipe recipe;
    recipe.kind = "sft";
    recipe.supervised.text = path;
    return recipe;
  }
  TempFolder folder_;
};

TEST_F(SupervisedFiles, ConversationsBesidePairs) {
  const Recipe recipe = Open(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"
      "\n"
      R"({"prompt": [{"role": "assistant", "content": "x"}], "response": "y"})"
      "\n");
  const ExampleSource examples = OpenExamples(recipe);
  int pairs = 0;
  for (int64_t p = 0; p < 2; ++p) {
    const Example e = examples(p);
    ASSERT_EQ(e.messages.size(), 2u);
    if (e.index == 0) {
      EXPECT_EQ(e.first_turn, 0u);
    } else {
      ++pairs;
      EXPECT_EQ(e.first_turn, 1u);
      EXPECT_EQ(e.messages[1].content, "y");
    }
  }
  EXPECT_EQ(pairs, 1);
}

TEST_F(SupervisedFiles, WhatIsWrongIsNamed) {
  for (
      const char* line :
      {R"({"messages": 3})", R"({"messages": []})", R"({"messages": [{"role": "user"}]})",
       R"({"messages": [{"role": "user", "content": "a"}]})",
       R"({"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]})"}) {
    try {
      OpenExamples(Open(line));
      ADD_FAILURE() << line;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("talk.jsonl:1"), std::string::npos) << e.what();
    }
  }
}

TEST(SupervisedSolutions, AreThoseOfTheirProblems) {
  for (const char* text : {"gsm_micro:train_size=20", "gsm_micro:shards=true,train_size=20"}) {
    Recipe recipe;
    recipe.kind = "pretrain";
    recipe.supervised.text = text;
    recipe.supervised.careful = 1;
    const ExampleSource examples = OpenExamples(recipe);
    const auto prompts = OpenPrompts(text, Split::kTrain, 0);
    for (int64_t p = 0; p < 20; ++p) {
      const Example e = examples(p);
      const Prompt prompt = prompts->Get(e.index);
      EXPECT_EQ(e.messages[0].content, prompt.messages[0].second);
      EXPECT_EQ(e.messages[1].content, prompt.target);
    }
  }
}

TEST(SupervisedDialogues, EndlessAndInTheOrderOfTheSeed) {
  Recipe recipe;
  recipe.kind = "sft";
  recipe.supervised.text = "gsm_micro_dialogues:max_steps=3,train_size=20";
  const auto text = [](const Example& e) {
    std::string all;
    for (const auto& m : e.messages) all += m.role + m.content;
    return all;
  };
  const ExampleSource a = OpenExamples(recipe), b = OpenExamples(recipe);
  for (int64_t p = 0; p < 50; ++p) EXPECT_EQ(text(a(p)), text(b(p)));
  EXPECT_NE(text(a(1)), text(a(2)));
  recipe.supervised.text = "gsm_micro_dialogues:asks=1";
  EXPECT_THROW(OpenExamples(recipe), Error);
}

TEST(SupervisedDialogues, GamesOfAttributes) {
  Recipe recipe;
  recipe.kind = "sft";
  recipe.supervised.text = "attribute_dialogues:early=0";
  recipe.supervised.careful = 1;
  const ExampleSource examples = OpenExamples(recipe);
  EXPECT_EQ(examples(4).messages.size(), 8u);
  EXPECT_EQ(examples(4).messages.back().content, OpenExamples(recipe)(4).messages.back().content);
  std::set<std::string> guesses;
  for (int64_t p = 0; p < 20; ++p) guesses.insert(examples(p).messages.back().content);
  EXPECT_GT(guesses.size(), 5u);
  recipe.supervised.text = "attribute_dialogues:attributes=red";
  EXPECT_THROW(OpenExamples(recipe), Error);
}

}  // namespace
}  // namespace rlvr
