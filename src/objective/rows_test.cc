#include "objective/rows.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Every column different everywhere, so that nothing cut at a wrong place goes unseen.
Rows NumberedRows() {
  Rows r = MakeTestRows({{2, 0}, {1}, {3, 1}});
  const auto number = [](auto* column, int from) {
    for (auto& x : *column) x = static_cast<std::decay_t<decltype(x)>>(from++);
  };
  number(&r.prompt, 100);
  number(&r.occurrence, 1);
  number(&r.task, 2);
  number(&r.family, 5);
  number(&r.score, 10);
  number(&r.reward, 20);
  r.verdict = {Verdict::kRight, Verdict::kWrong, Verdict::kTimedOut, Verdict::kBroken,
               Verdict::kRight};
  r.truncated = {0, 1, 0, 1, 1};
  r.foreign = {1, 0, 0, 1, 0};
  number(&r.answer, 30);
  number(&r.answer_hash, 35);
  number(&r.sample, 40);
  number(&r.token, 50);
  number(&r.turn, 60);
  number(&r.state, 65);
  number(&r.step, 70);
  for (auto* column : {&r.logp_old, &r.entropy_old, &r.adv, &r.weight, &r.mask, &r.logp_ref,
                       &r.value, &r.behaviour["max_prob"], &r.step_value, &r.turn_reward}) {
    column->resize(7);
  }
  number(&r.logp_old, 200);
  number(&r.entropy_old, 300);
  number(&r.adv, 400);
  number(&r.weight, 500);
  number(&r.mask, 600);
  number(&r.logp_ref, 700);
  number(&r.value, 800);
  number(&r.behaviour["max_prob"], 900);
  number(&r.step_value, 1000);
  number(&r.turn_reward, 1100);
  using enum Illocution;
  r.illocution = {kUnknown, kUnknown,   kSpecified, kUnderspecified,
                  kUnknown, kSpecified, kSpecified};
  for (size_t t = 0; t < 7; ++t) r.strategy[t] = static_cast<TurnStrategy>(t);
  return r;
}

TEST(Rows, PartIsCutAtItsGroups) {
  const Rows r = NumberedRows();
  const Rows p = Part(r, 1, 3);  // rows 2 .. 4, tokens 2 .. 6
  EXPECT_EQ(p.begin, (std::vector<int64_t>{0, 1, 4, 5}));
  EXPECT_EQ(p.group_begin, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_EQ(p.prompt, (std::vector<int64_t>{101, 102}));
  EXPECT_EQ(p.occurrence, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(p.task, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(p.family, (std::vector<int32_t>{6, 7}));
  EXPECT_EQ(p.score, (Doubles{12, 13, 14}));
  EXPECT_EQ(p.reward, (Doubles{22, 23, 24}));
  EXPECT_EQ(p.verdict,
            (std::vector<Verdict>{Verdict::kTimedOut, Verdict::kBroken, Verdict::kRight}));
  EXPECT_EQ(p.truncated, (std::vector<char>{0, 1, 1}));
  EXPECT_EQ(p.foreign, (std::vector<char>{0, 1, 0}));
  EXPECT_EQ(p.answer, (std::vector<int32_t>{32, 33, 34}));
  EXPECT_EQ(p.answer_hash, (std::vector<int64_t>{37, 38, 39}));
  EXPECT_EQ(p.sample, (std::vector<int32_t>{42, 43, 44}));
  EXPECT_EQ(p.token, (std::vector<int32_t>{52, 53, 54, 55, 56}));
  EXPECT_EQ(p.turn, (std::vector<int32_t>{62, 63, 64, 65, 66}));
  EXPECT_EQ(p.state, (std::vector<int64_t>{67, 68, 69, 70, 71}));
  EXPECT_EQ(p.step, (std::vector<int32_t>{72, 73, 74, 75, 76}));
  const Doubles five = {2, 3, 4, 5, 6};
  int offset = 200;
  for (const Doubles& column : {p.logp_old, p.entropy_old, p.adv, p.weight, p.mask, p.logp_ref,
                                p.value, p.Behaviour("max_prob"), p.step_value, p.turn_reward}) {
    ASSERT_EQ(column.size(), 5u);
    for (size_t t = 0; t < 5; ++t) EXPECT_EQ(column[t], offset + five[t]);
    offset += 100;
  }
  using enum Illocution;
  EXPECT_EQ(p.illocution, (std::vector<Illocution>{kSpecified, kUnderspecified, kUnknown,
                                                   kSpecified, kSpecified}));
  EXPECT_EQ(p.strategy.front(), TurnStrategy::kClarification);
  EXPECT_EQ(p.strategy.back(), TurnStrategy::kRefuse);
  EXPECT_TRUE(p.right(2));
  EXPECT_FALSE(p.right(0));
  // Columns that nobody asked for stay empty.
  EXPECT_TRUE(Part(MakeTestRows({{1}, {2}}), 1, 2).logp_ref.empty());
}

TEST(Rows, GroupsAndRowsOfTokens) {
  const Rows r = MakeTestRows({{2, 0}, {1}, {3, 1}});
  EXPECT_EQ(GroupOfRows(r), (std::vector<int32_t>{0, 0, 1, 2, 2}));
  EXPECT_EQ(RowOfTokens(r), (std::vector<int32_t>{0, 0, 2, 3, 3, 3, 4}));
}

TEST(Rows, TotalsCountWhatIsUnmasked) {
  Rows r = MakeTestRows({{2, 0}, {1}, {3, 1}});
  Totals t = CountTotals(r);  // the empty row counts nowhere
  EXPECT_EQ(std::tuple(t.tokens, t.sequences, t.groups), std::tuple(7, 4, 3));
  r.mask = {1, 0, 0, 0, 1, 1, 0};
  t = CountTotals(r);
  EXPECT_EQ(std::tuple(t.tokens, t.sequences, t.groups), std::tuple(3, 2, 2));
}

TEST(Scope, Names) {
  for (const char* name : {"token", "response", "group", "family", "task", "batch"})
    EXPECT_STREQ(ToString(ParseScope(name)), name);
  try {
    ParseScope("gruop");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "scope: there is no scope 'gruop' (did you mean 'group'?)");
  }
}

}  // namespace
}  // namespace rlvr
