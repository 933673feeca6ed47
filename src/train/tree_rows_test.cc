#include "train/tree_rows.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

Segment Part(int32_t parent, Author author, std::vector<int32_t> tokens, int32_t sample) {
  Segment s;
  s.parent = parent;
  s.author = author;
  s.sample = sample;
  s.tokens = std::move(tokens);
  if (author == Author::kPolicy) {
    for (const int32_t t : s.tokens) {
      s.logp.push_back(static_cast<float>(-t));
      s.entropy.push_back(static_cast<float>(t) / 4);
    }
  }
  return s;
}

//   prompt 1 2 - policy 10 11 -+- policy 12           leaf 0, sample 0
//                              +- policy 13 - tool 90 - policy 14 15   leaf 1, sample 1
//                              +- expert 16           leaf 2, sample 2
class TreeRowsTest : public testing::Test {
 protected:
  TreeRowsTest() {
    first_.prompt_index = 7;
    first_.occurrence = 3;
    first_.data_source = "a";
    first_.family = "f";
    first_.segments = {
        Part(-1, Author::kPrompt, {1, 2}, -1),  Part(0, Author::kPolicy, {10, 11}, 0),
        Part(1, Author::kPolicy, {12}, 0),      Part(1, Author::kPolicy, {13}, 1),
        Part(3, Author::kEnvironment, {90}, 1), Part(4, Author::kPolicy, {14, 15}, 1),
        Part(1, Author::kExpert, {16}, 2)};
    first_.leaves.resize(3);
    first_.leaves[0].segment = 2;
    first_.leaves[1].segment = 5;
    first_.leaves[2].segment = 6;
    first_.leaves[0].verdict = Verdict::kRight;
    first_.leaves[1].finish = Finish::kLength;
    for (size_t l = 0; l < 3; ++l) {
      first_.leaves[l].score = static_cast<float>(l);
      first_.leaves[l].reward = static_cast<float>(l) + 0.5f;
    }
    first_.leaves[0].answer = first_.leaves[2].answer = "4";
    second_ = first_;
    second_.segments.resize(3);
    second_.leaves.resize(1);
    second_.data_source = "b";
    second_.family = "";
    third_ = second_;
    third_.data_source = "a";
  }
  Tree first_, second_, third_;
};

TEST_F(TreeRowsTest, FamiliesByName) {
  Tree fourth = third_;
  third_.family = fourth.family = "f";
  second_.family = "g";
  const Tree* trees[] = {&second_, &third_, &first_, &fourth};
  EXPECT_EQ(MakeRows(trees).family, (std::vector<int32_t>{0, 1, 1, 1}));
}

TEST_F(TreeRowsTest, OneRowPerLeaf) {
  const Tree* trees[] = {&first_, &second_, &third_};
  const Rows r = MakeRows(trees);
  EXPECT_EQ(r.begin, (std::vector<int64_t>{0, 3, 8, 11, 14, 17}));
  EXPECT_EQ(r.group_begin, (std::vector<int64_t>{0, 3, 4, 5}));
  EXPECT_EQ(r.prompt, (std::vector<int64_t>{7, 7, 7}));
  EXPECT_EQ(r.occurrence, (std::vector<int64_t>{3, 3, 3}));
  EXPECT_EQ(r.task, (std::vector<int32_t>{0, 1, 0}));
  EXPECT_EQ(r.family, (std::vector<int32_t>{0, 1, 2}));  // groups without one are not alike
  EXPECT_EQ(r.score, (std::vector<double>{0, 1, 2, 0, 0}));
  EXPECT_EQ(r.reward, (std::vector<double>{0.5, 1.5, 2.5, 0.5, 0.5}));
  EXPECT_TRUE(r.right(0) && !r.right(1));
  EXPECT_EQ(r.truncated, (std::vector<char>{0, 1, 0, 0, 0}));
  EXPECT_EQ(r.foreign, (std::vector<char>{0, 0, 1, 0, 0}));
  EXPECT_EQ(r.answer, (std::vector<int32_t>{0, -1, 0, 0, 0}));
  EXPECT_EQ(r.sample, (std::vector<int32_t>{0, 1, 2, 0, 0}));
  const auto head = [](const auto& v) { return std::vector<double>(v.begin(), v.begin() + 11); };
  EXPECT_EQ(head(r.token), (std::vector<double>{10, 11, 12, 10, 11, 13, 14, 15, 10, 11, 16}));
  // The tool ends a turn, a branch does not.
  EXPECT_EQ(head(r.turn), (std::vector<double>{0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1}));
  EXPECT_EQ(head(r.logp_old),
            (std::vector<double>{-10, -11, -12, -10, -11, -13, -14, -15, -10, -11, 0}));
  EXPECT_EQ(head(r.entropy_old),
            (std::vector<double>{2.5, 2.75, 3, 2.5, 2.75, 3.25, 3.5, 3.75, 2.5, 2.75, 0}));
  EXPECT_EQ(r.adv, std::vector<double>(17, 0));
  EXPECT_EQ(r.mask, std::vector<double>(17, 1));
  EXPECT_EQ(r.weight, std::vector<double>(17, 1));
}

// Before the tool's answer every token was written in the prompt's state.
TEST_F(TreeRowsTest, StatesAreWhatThePolicyLastRead) {
  Tree split = first_, other = first_;
  split.segments[4].tokens = {};  // the tool's 90 in two segments
  split.segments[5].author = Author::kEnvironment;
  split.segments[5].tokens = {90};
  split.segments.push_back(Part(5, Author::kPolicy, {17, 18}, 1));
  split.leaves[1].segment = 7;
  other.segments[4].tokens = {91};
  const Tree* trees[] = {&first_, &split, &other};
  const Rows r = MakeRows(trees);
  for (int64_t t = 0; t < 11; ++t) {
    const bool tool = t == 6 || t == 7;
    EXPECT_EQ(r.state[t] == r.state[0], !tool) << t;
    EXPECT_EQ(r.state[t + 11], r.state[t]) << t;
    EXPECT_EQ(r.state[t + 22] == r.state[t], !tool) << t;
  }
  EXPECT_EQ(r.state[6], r.state[7]);
  EXPECT_EQ(Part(r, 1, 2).state, std::vector<int64_t>(r.state.begin() + 11, r.state.begin() + 22));
}

TEST_F(TreeRowsTest, AnswersOfDifferentGroups) {
  second_.leaves[0].answer = "5";
  third_.leaves[0].answer = "a";
  const Tree* trees[] = {&first_, &second_, &third_};
  const Rows r = MakeRows(trees);
  EXPECT_EQ(r.answer, (std::vector<int32_t>{0, -1, 0, 0, 0}));
  EXPECT_EQ(r.answer_hash[1], 0);
  EXPECT_EQ(r.answer_hash[0], r.answer_hash[2]);
  EXPECT_NE(r.answer_hash[0], r.answer_hash[3]);
  // FNV-1a's published value for "a".
  EXPECT_EQ(static_cast<uint64_t>(r.answer_hash[4]), 0xaf63dc4c8601ec8cu);
}

// Leaf 1 has the tokens after the branch only: 10 and 11 are prompt to it. Values of segments come
// with their steps, numbered within the row.
TEST_F(TreeRowsTest, APrefixIsNotInTheRow) {
  first_.leaves[1].prefix = 2;
  first_.segments[1].value = 0.5f;
  first_.segments[3].value = -1;
  const Tree* trees[] = {&first_};
  const Rows r = MakeRows(trees);
  EXPECT_EQ(r.begin, (std::vector<int64_t>{0, 3, 6, 9}));
  EXPECT_EQ(r.token, (std::vector<int32_t>{10, 11, 12, 13, 14, 15, 10, 11, 16}));
  EXPECT_EQ(r.logp_old, (std::vector<double>{-10, -11, -12, -13, -14, -15, -10, -11, 0}));
  EXPECT_EQ(r.step, (std::vector<int32_t>{0, 0, 1, 0, 1, 1, 0, 0, 1}));
  EXPECT_EQ(r.step_value, (std::vector<double>{.5, .5, 0, -1, 0, 0, .5, .5, 0}));
  size_t cursor = 0;
  EXPECT_EQ(SumOntoTokens(first_, {1, 2, 3, 4, 5, 6, 7, 8, 9}, &cursor),
            (SegmentField<double>{{0, 0}, {8, 10}, {3}, {4}, {0}, {5, 6}, {9}}));
  EXPECT_EQ(cursor, 9u);
  first_.leaves[1].prefix = 3;  // ends within the response: 13 too
  EXPECT_EQ(MakeRows(trees).token, (std::vector<int32_t>{10, 11, 12, 14, 15, 10, 11, 16}));
}

TEST_F(TreeRowsTest, FieldsToRowsAndSumsBack) {
  const Tree* trees[] = {&first_, &second_};
  std::vector<SegmentField<float>> fields;
  for (const Tree* tree : trees) {
    fields.push_back(MakeSegmentField<float>(*tree));
    for (size_t s = 0; s < tree->segments.size(); ++s) {
      for (size_t t = 0; t < tree->segments[s].tokens.size(); ++t)
        fields.back()[s][t] = static_cast<float>(tree->segments[s].tokens[t]);
    }
  }
  const std::vector<double> rows = LeafRows(trees, fields);
  EXPECT_EQ(rows, (std::vector<double>{10, 11, 12, 10, 11, 13, 14, 15, 10, 11, 16, 10, 11, 12}));
  size_t cursor = 0;
  const SegmentField<double> sums = SumOntoTokens(first_, rows, &cursor);
  EXPECT_EQ(cursor, 11u);
  EXPECT_EQ(sums, (SegmentField<double>{{0, 0}, {30, 33}, {12}, {13}, {0}, {14, 15}, {16}}));
  EXPECT_EQ(SumOntoTokens(second_, rows, &cursor)[1], (std::vector<double>{10, 11}));
}

}  // namespace
}  // namespace rlvr
