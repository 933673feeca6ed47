#include "train/illocution_reward.h"

#include <gtest/gtest.h>

#include "text/bpe_trainer.h"

namespace rlvr {
namespace {

class IllocutionTree : public testing::Test {
 protected:
  IllocutionTree()
      : tokenizer_(TrainBpe(std::vector<std::string>{"Answer: 12"},
                            {.vocab_size = 260, .special_tokens = {"<|im_end|>"}, .pattern = {}})) {
    prompt_.messages = {{"user", "how many pens does Amy have"}};
    settings_.name = "icpo_illocution";
  }
  // One leaf a response, judged right or wrong.
  Tree MakeTree(const std::vector<std::pair<std::string, bool>>& responses) const {
    Tree tree;
    tree.segments.push_back({.tokens = tokenizer_.Encode("how many pens does Amy have", false)});
    for (const auto& [text, right] : responses) {
      Segment s{.parent = 0, .author = Author::kPolicy, .tokens = tokenizer_.Encode(text, false)};
      tree.leaves.push_back({.segment = static_cast<int32_t>(tree.segments.size()),
                             .verdict = right ? Verdict::kRight : Verdict::kWrong,
                             .score = right ? 1.0f : 0.0f});
      tree.segments.push_back(std::move(s));
    }
    return tree;
  }
  void Apply(Tree* tree) const { ApplyIllocution(settings_, tokenizer_, prompt_, "p", tree); }
  TurnOutcome Outcome(const Tree& tree, size_t leaf) const {
    return tree.segments[static_cast<size_t>(tree.leaves[leaf].segment)].outcome;
  }

  Tokenizer tokenizer_;
  Prompt prompt_;
  IllocutionSettings settings_;
};

TEST_F(IllocutionTree, Underspecified) {
  prompt_.extra_info =
      "{\"illocution\": \"underspecified\", \"missing\": [\"a box holds 3 pens\"]}";
  Tree tree = MakeTree({{"Answer: 12", true},
                        {"How many pens are in a box?", false},
                        {"How old is Tom?", false},
                        {"", false}});
  settings_.clarify_requires_missing = true;
  settings_.penalty_confident = 0.5;
  Apply(&tree);
  const std::vector<float> want = {-0.5, 1, 0, 0};
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(tree.leaves[i].score, want[i]) << i;
    EXPECT_EQ(tree.leaves[i].verdict == Verdict::kRight, want[i] > 0) << i;
    EXPECT_EQ(Outcome(tree, i).illocution, Illocution::kUnderspecified);
    EXPECT_FALSE(Outcome(tree, i).right);
  }
  EXPECT_EQ(Outcome(tree, 0).strategy, TurnStrategy::kAnswerAttempt);
  EXPECT_EQ(Outcome(tree, 1).strategy, TurnStrategy::kClarification);
  EXPECT_EQ(Outcome(tree, 3).strategy, TurnStrategy::kMissing);
}

TEST_F(IllocutionTree, SpecifiedAndBroken) {
  Tree tree = MakeTree({{"Answer: 12", true}, {"Answer: 13", false}, {"How many pens?", false}});
  tree.leaves.push_back(tree.leaves[0]);
  tree.leaves[3].verdict = Verdict::kTimedOut;
  tree.leaves[3].score = 0;
  tree.leaves[3].segment = 4;
  tree.segments.push_back(tree.segments[1]);
  settings_.penalty_needless = 0.25;
  Apply(&tree);
  const std::vector<float> want = {1, 0, -0.25, 0};
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(tree.leaves[i].score, want[i]) << i;
  EXPECT_TRUE(Outcome(tree, 0).right);
  EXPECT_FALSE(Outcome(tree, 1).right);
  EXPECT_EQ(tree.leaves[3].verdict, Verdict::kTimedOut);
}

TEST_F(IllocutionTree, OffItOnlyLabelsWhatHasALabel) {
  settings_.name = "none";
  Tree tree = MakeTree({{"How many pens?", false}});
  Apply(&tree);
  EXPECT_EQ(Outcome(tree, 0).strategy, TurnStrategy::kUnknown);
  prompt_.extra_info = "{\"illocution\": \"underspecified\"}";
  Apply(&tree);
  EXPECT_EQ(Outcome(tree, 0).strategy, TurnStrategy::kClarification);
  EXPECT_EQ(tree.leaves[0].score, 0);
  EXPECT_EQ(tree.leaves[0].verdict, Verdict::kWrong);
}

TEST_F(IllocutionTree, AnEnvironmentsOutcomeStays) {
  Tree tree = MakeTree({{"How many pens?", false}});
  tree.segments[1].outcome = {.illocution = Illocution::kUnderspecified,
                              .strategy = TurnStrategy::kHedge};
  Apply(&tree);
  EXPECT_EQ(Outcome(tree, 0).strategy, TurnStrategy::kHedge);
  EXPECT_EQ(tree.leaves[0].score, 0);
}

TEST_F(IllocutionTree, WhatAJudgeHasReadStays) {
  prompt_.extra_info = "{\"illocution\": \"underspecified\"}";
  settings_.r_hedge = 0.25;
  Tree tree = MakeTree({{"How many pens?", false}});
  tree.segments[1].outcome.strategy = TurnStrategy::kHedge;
  Apply(&tree);
  EXPECT_EQ(Outcome(tree, 0).strategy, TurnStrategy::kHedge);
  EXPECT_EQ(Outcome(tree, 0).illocution, Illocution::kUnderspecified);
  EXPECT_EQ(tree.leaves[0].score, 0.25f);
}

}  // namespace
}  // namespace rlvr
