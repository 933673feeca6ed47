#include "objective/scopes.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(Scopes, GroupsOfEqualKeysAreOneScope) {
  // Three groups of one, two and one rows; the first and the last are one family.
  const Rows rows = MakeTestRows({{2}, {1, 1}, {3}});
  const std::vector<int64_t> family = {70, 4, 70};
  const Grouping by = RowsByKey(rows, family);
  EXPECT_EQ(by.count, 2);
  EXPECT_EQ(Mean(by, {1, 10, 20, 5}, {1, 1, 1, 1}), (Column{3, 15, 15, 3}));
  const Grouping tokens = TokensByKey(rows, family);
  // Tokens of the family: 1, 2 and 3, 4, 5; the fourth is masked.
  EXPECT_EQ(Max(tokens, {1, 2, 8, 9, 3, 4, 5}, {1, 1, 1, 1, 1, 1, 0}),
            (Column{4, 4, 9, 9, 4, 4, 4}));
}

TEST(Scopes, APromptThatABatchHoldsTwiceIsOneRoot) {
  Rows rows = MakeTestRows({{1}, {1}, {1}});
  rows.prompt = {3, 9, 3};
  rows.occurrence = {0, 0, 1};
  EXPECT_EQ(Mean(RowsByKey(rows, rows.prompt), {1, 5, 2}, {1, 1, 1}), (Column{1.5, 5, 1.5}));
}

TEST(Scopes, TurnsOfAResponse) {
  Rows rows = MakeTestRows({{4, 2}});
  rows.turn = {0, 0, 1, 1, 0, 1};
  const Grouping by = TokensByTurn(rows);
  EXPECT_EQ(by.id, (std::vector<int32_t>{0, 0, 1, 1, 2, 3}));
  EXPECT_EQ(by.count, 4);
  EXPECT_EQ(Mean(by, {1, 3, 5, 7, 2, 4}, Column(6, 1)), (Column{2, 2, 6, 6, 2, 4}));
  EXPECT_EQ(TokensByTurn(MakeTestRows({})).count, 0);
}

TEST(Scopes, RanksShareTheirMeanWhereValuesAreEqual) {
  const Rows rows = MakeTestRows({{1, 1, 1, 1, 1}, {1, 1}});
  const Grouping by = RowsBy(Scope::kGroup, rows);
  // Of 3, 1, 3, 2: ranks 3 and 4 are shared by the two 3s. The fifth is masked, and so not counted.
  EXPECT_EQ(Ranks(by, {3, 1, 3, 2, -9, 7, 6}, {1, 1, 1, 1, 0, 1, 1}),
            (Column{3.5, 1, 3.5, 2, 0, 2, 1}));
  EXPECT_EQ(Ranks(by, Column(7, 4.0), Column(7, 1)), (Column{3, 3, 3, 3, 3, 1.5, 1.5}));
}

TEST(Scopes, AHistoryForgetsTheOldestStep) {
  RunState state;
  {
    History h(&state, "method/rewards", 2);
    EXPECT_TRUE(h.empty());
    EXPECT_EQ(h.Mean(), 0);
    h.Add(Doubles{30, 10, 20});
    h.Add(Doubles{3});
    h.Add(Doubles{8, 6, 7});
  }
  EXPECT_EQ(state.values.at("method/rewards"), (Doubles{3, 6, 7, 8}));  // what checkpoints keep
  const History h(&state, "method/rewards", 2);
  EXPECT_EQ(h.Mean(), 6);
  // Deviations -3, 0, 1, 2: squares sum to 14.
  EXPECT_DOUBLE_EQ(h.Std(0), std::sqrt(14.0 / 4));
  EXPECT_EQ(h.Quantile(0.5), 6.5);
}

TEST(Scopes, AHistoryDoesNotDependOnTheOrderOfABatch) {
  RunState a, b;
  History(&a, "k", 1).Add(Doubles{1, 2, 3});
  History(&b, "k", 1).Add(Doubles{3, 1, 2});
  EXPECT_EQ(a.values, b.values);
}

}  // namespace
}  // namespace rlvr
