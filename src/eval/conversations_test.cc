// Environments in rollouts and in evaluation.
#include "eval/conversations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "eval/eval.h"
#include "text/bpe_trainer.h"

namespace rlvr {
namespace {

Tokenizer ChatTokenizer() {
  return TrainBpe(
      std::vector<std::string>{"Tom has 7 apples. How many"},
      {.vocab_size = 264, .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}});
}

Model TinyModel() {
  ModelConfig c;
  c.vocab_size = 264;
  c.hidden_size = 32;
  c.num_hidden_layers = 1;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 2;
  c.head_dim = 12;
  c.intermediate_size = 48;
  c.max_position_embeddings = 600;
  c.initializer_range = 0.3;
  c.eos_token_ids = {263};
  Model model(c, ComputeType::kFp32);
  InitializeParameters(model.config(), model.layout(), RandomKey(3), model.weights());
  model.WeightsChanged(true);
  return model;
}

// Opens with the prompt's ground truth and a word of the group's; each sample counts to a number of
// its own. Verdicts go by the sample: 0 right, 1 wrong, ...
struct Plan {
  bool blocks = false;
  bool fails_to_open = false, opens_differently = false;
  std::function<void(int reset)> on_reset;
};

class CountingEnvironment : public Environment {
 public:
  CountingEnvironment(const Plan& plan, std::atomic<int>* resets) : plan_(plan), resets_(resets) {}

  std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) override {
    EXPECT_EQ(resets_here_++, 0);  // once
    const int reset = (*resets_)++;
    if (plan_.blocks) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (plan_.fails_to_open) throw ConversationFailed(Verdict::kBroken, "game", "is closed");
    turns_ = 1 + static_cast<int>(3 * sample.Uniform(0));
    Random random(group);
    std::string opening = prompt.ground_truth + " " + std::to_string(random.Int(0, 1 << 30));
    if (plan_.opens_differently && reset > 0) opening += "?";
    return {{"system", "count"}, {"user", opening}};
  }
  Reply Step(const PolicyTurn& turn) override {
    EXPECT_EQ(resets_here_, 1);
    Reply reply;
    reply.done = turn.turn + 1 == turns_;
    if (!reply.done) reply.messages = {{"user", "go on"}};
    reply.outcome.reward = 0.5f;
    return reply;
  }
  ConversationResult End(Finish) override {
    return {turns_ == 2 ? Verdict::kRight : Verdict::kWrong,
            std::to_string(turns_),
            1.0f,
            {{"planned", turns_}}};
  }
  bool blocks() const override { return plan_.blocks; }

 private:
  Plan plan_;
  std::atomic<int>* resets_;
  int resets_here_ = 0, turns_ = 0;
};

class CountingMaker : public EnvironmentMaker {
 public:
  explicit CountingMaker(Plan plan) : plan_(std::move(plan)) {}
  std::unique_ptr<Environment> Make() override {
    ++made;
    return std::make_unique<CountingEnvironment>(plan_, &resets);
  }
  std::atomic<int> made = 0, resets = 0;

 private:
  Plan plan_;
};

std::vector<Prompt> Prompts(int n) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < n; ++i) {
    Prompt p;
    p.messages = {{"user", "what now"}};
    p.ground_truth = "truth " + std::to_string(i);
    p.data_source = "gsm_micro";
    prompts.push_back(p);
  }
  return prompts;
}

std::vector<RolloutRequest> Opened(CountingMaker* maker, const Tokenizer& tokenizer,
                                   const std::vector<Prompt>& prompts) {
  std::vector<RolloutRequest> requests(prompts.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].key = RandomKey(9)[i];
    requests[i].num_samples = 4;
  }
  OpenConversations(maker, tokenizer, prompts, requests);
  return requests;
}

TEST(OpenConversations, TheOpeningIsTheRootAndEverySampleHasItsOwnEnvironment) {
  const Tokenizer tokenizer = ChatTokenizer();
  const Model model = TinyModel();
  std::vector<Tree> first;
  for (const bool blocks : {false, true}) {
    CountingMaker maker({.blocks = blocks});
    auto requests = Opened(&maker, tokenizer, Prompts(30));
    EXPECT_EQ(maker.resets, 30);  // only what the roots need
    for (int i = 0; i < 30; ++i) {
      const std::string root =
          tokenizer.Decode(requests[static_cast<size_t>(i)].tree.segments[0].tokens);
      EXPECT_EQ(root.find("<|im_start|>system\ncount<|im_end|>\n<|im_start|>user\ntruth " +
                          std::to_string(i) + " "),
                0u);
    }
    RolloutStats stats;
    const auto trees = Rollout(model, tokenizer, {.max_tokens = 4}, std::move(requests), &stats);
    EXPECT_EQ(maker.made, 120);  // the one that opened goes on as sample 0's
    EXPECT_EQ(maker.resets, 120);
    ConversationTally tally;
    std::vector<int> turns(4);
    for (size_t i = 0; i < trees.size(); ++i) {
      for (const Leaf& leaf : trees[i].leaves) {
        const int64_t n = NumTurns(trees[i], leaf);
        EXPECT_EQ(leaf.answer, std::to_string(n));
        EXPECT_EQ(leaf.reward, 1 + 0.5f * static_cast<float>(n));
        ++turns[static_cast<size_t>(n)];
      }
      tally.Add(trees[i], stats.results[i]);
    }
    for (const int n : {1, 2, 3}) EXPECT_GT(turns[static_cast<size_t>(n)], 10);
    EXPECT_EQ(tally.num_conversations(), 120);
    const auto means = tally.Means();
    const double mean = (turns[1] + 2 * turns[2] + 3 * turns[3]) / 120.0;
    EXPECT_NEAR(means.at("num_turns"), mean, 1e-12);
    EXPECT_NEAR(means.at("planned"), mean, 1e-12);
    EXPECT_EQ(means.at("aborted"), 0);
    if (!blocks) {
      first = trees;
    } else {
      for (size_t i = 0; i < trees.size(); ++i) {
        for (size_t s = 0; s < trees[i].segments.size(); ++s)
          EXPECT_EQ(trees[i].segments[s].tokens, first[i].segments[s].tokens);
      }
    }
  }
}

TEST(OpenConversations, WhatFailsToOpenIsAborted) {
  const Tokenizer tokenizer = ChatTokenizer();
  const Model model = TinyModel();
  for (const bool blocks : {false, true}) {
    CountingMaker maker({.blocks = blocks, .fails_to_open = true});
    RolloutStats stats;
    const auto trees =
        Rollout(model, tokenizer, {.max_tokens = 4}, Opened(&maker, tokenizer, Prompts(2)), &stats);
    ConversationTally tally;
    for (size_t i = 0; i < 2; ++i) {
      for (const Leaf& leaf : trees[i].leaves) {
        EXPECT_EQ(leaf.finish, Finish::kAborted);
        EXPECT_EQ(leaf.verdict, Verdict::kBroken);
      }
      tally.Add(trees[i], stats.results[i]);
    }
    EXPECT_EQ(tally.first_failure(), "game: is closed (the conversation is left out)");
    EXPECT_EQ(tally.Means(),
              (std::map<std::string, double>{{"aborted", 1}, {"broken", 1}, {"timed_out", 0}}));
  }
}

TEST(OpenConversations, SamplesOfAGroupMustOpenAlike) {
  const Tokenizer tokenizer = ChatTokenizer();
  const Model model = TinyModel();
  CountingMaker maker({.opens_differently = true});
  const auto trees =
      Rollout(model, tokenizer, {.max_tokens = 4}, Opened(&maker, tokenizer, Prompts(1)));
  EXPECT_NE(trees[0].leaves[0].finish, Finish::kAborted);
  for (size_t l = 1; l < 4; ++l) EXPECT_EQ(trees[0].leaves[l].finish, Finish::kAborted);
}

// 4 conversations by hand: one timed out, one broken; the others have 1 and 3 turns and count
// different things.
TEST(ConversationTally, SharesAndMeans) {
  Tree tree;
  tree.segments = {{.tokens = {1}},
                   {.parent = 0, .author = Author::kPolicy, .tokens = {2}},
                   {.parent = 0, .author = Author::kPolicy, .tokens = {2}},
                   {.parent = 2, .author = Author::kEnvironment, .tokens = {3}},
                   {.parent = 3, .author = Author::kPolicy, .tokens = {2}},
                   {.parent = 4, .author = Author::kEnvironment, .tokens = {3}},
                   {.parent = 5, .author = Author::kPolicy, .tokens = {2}}};
  tree.leaves = {{.segment = 1},
                 {.segment = 6},
                 {.segment = 1, .finish = Finish::kAborted, .verdict = Verdict::kTimedOut},
                 {.segment = 1, .finish = Finish::kAborted, .verdict = Verdict::kBroken}};
  ConversationTally tally;
  EXPECT_TRUE(tally.Means().empty());
  const ConversationResult results[] = {{.metrics = {{"calls", 2}}},
                                        {.metrics = {{"calls", 5}, {"late", 1}}},
                                        {.metrics = {{"calls", 100}}, .failure = "a"},
                                        {.failure = "b"}};
  tally.Add(tree, results);
  EXPECT_EQ(tally.Means(), (std::map<std::string, double>{{"aborted", 0.5},
                                                          {"broken", 0.25},
                                                          {"timed_out", 0.25},
                                                          {"num_turns", 2},
                                                          {"calls", 3.5},
                                                          {"late", 1}}));
  EXPECT_EQ(tally.first_failure(), "a");
}

class FewPrompts : public PromptSource {
 public:
  int64_t size() const override { return 6; }
  Prompt Get(int64_t index) const override { return Prompts(6)[static_cast<size_t>(index)]; }
  std::string name() const override { return "few"; }
};

TEST(Evaluate, WithAnEnvironmentVerdictsAreTheConversations) {
  const Tokenizer tokenizer = ChatTokenizer();
  const Model model = TinyModel();
  CountingMaker maker({});
  EvalOptions options;
  options.k = 8;
  options.rollout.max_tokens = 4;
  options.environment = &maker;
  options.keep_samples = true;
  const EvalResult result = Evaluate(model, tokenizer, FewPrompts(), options);
  double right = 0, turns = 0, tokens = 0;
  for (const Tree& tree : result.trees) {
    for (const Leaf& leaf : tree.leaves) {
      const int64_t n = NumTurns(tree, leaf);
      right += n == 2;
      turns += static_cast<double>(n);
      tokens += static_cast<double>(tree.ResponseTokens(leaf).size());
    }
  }
  EXPECT_GT(right, 0);
  EXPECT_NEAR(result.avg_at_k.mean, right / 48, 1e-12);
  EXPECT_NEAR(result.conversations.at("num_turns"), turns / 48, 1e-12);
  EXPECT_NEAR(result.mean_response_length, tokens / 48, 1e-12);
}

}  // namespace
}  // namespace rlvr
