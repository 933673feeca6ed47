#include "objective/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "objective/aggregate.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Overlong filtering masks whole responses, and with bad luck a whole batch; what a masked token
// holds, be it an infinite ratio, changes nothing.
TEST(Objective, MaskedTokensCountNowhere) {
  const auto objective =
      MakeTestObjective("{name: ppo_clip}", "[{name: kl}, {name: entropy_bonus, coefficient: 1}]");
  const Rows rows = ThreeRows();
  std::vector<Doubles> s = {RandomDoubles(9, 8), RandomDoubles(9, 9)};
  const auto want = Evaluate(*objective, rows, s);
  s[0][3] = s[0][4] = 2000;  // exp overflows
  s[1][3] = NAN;
  const auto got = Evaluate(*objective, rows, s);
  EXPECT_EQ(got.objective, want.objective);
  EXPECT_EQ(got.coefficients, want.coefficients);
  for (size_t i = 0; i < want.metrics.size(); ++i)
    EXPECT_EQ(got.metrics[i].sum, want.metrics[i].sum) << want.metrics[i].name;

  Rows none = rows;
  none.mask.assign(9, 0);
  const auto nothing = Evaluate(*objective, none, s);
  EXPECT_EQ(nothing.objective, 0);
  EXPECT_EQ(nothing.coefficients, std::vector<Doubles>(2, Doubles(9)));
  for (const auto& m : nothing.metrics) EXPECT_TRUE(m.sum == 0 && m.weight == 0) << m.name;
}

// Groups of several sizes; every micro-batch is some consecutive groups of them.
Rows FiveGroups() {
  Rows r = MakeTestRows({{3, 2}, {4}, {1, 1, 2}, {2}, {3, 3}});
  const auto T = static_cast<size_t>(r.num_tokens());
  r.adv = RandomDoubles(T, 5);
  r.logp_old = RandomDoubles(T, 6);
  r.logp_ref = RandomDoubles(T, 7);
  for (size_t t = 0; t < T; ++t) r.weight[t] = 0.5 + 0.1 * static_cast<double>(t);
  for (const size_t t : {3, 4, 8, 12}) r.mask[t] = 0;
  return r;
}

class SplitTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Aggregates, SplitTest, testing::ValuesIn(Aggregate::Modes()));

TEST_P(SplitTest, BetweenGroupsChangesNoBitOfTheCoefficients) {
  const auto objective =
      MakeTestObjective("{name: decoupled_clip" + Aggregated(GetParam(), 7) + "}",
                        "[{name: kl}, {name: entropy_bonus}]");
  EXPECT_TRUE(objective->separable());
  const Rows rows = FiveGroups();
  const auto T = static_cast<size_t>(rows.num_tokens());
  const std::vector<Doubles> s = {RandomDoubles(T, 8), RandomDoubles(T, 9)};
  const auto want = Evaluate(*objective, rows, s);
  for (int split = 1; split < 16; ++split) {  // bit g: a border after group g
    std::vector<Doubles> got(2);
    double sum = 0;
    std::vector<double> metric_sum(want.metrics.size()), metric_weight(want.metrics.size());
    for (int64_t first = 0, last = 1; first < 5; first = last++) {
      while (last < 5 && (split >> (last - 1) & 1) == 0) ++last;
      const auto from = rows.begin[rows.group_begin[first]],
                 to = rows.begin[rows.group_begin[last]];
      const auto cut = [&](const Doubles& v) { return Doubles(v.begin() + from, v.begin() + to); };
      const auto r = objective->Evaluate(Part(rows, first, last), CountTotals(rows),
                                         {cut(s[0]), cut(s[1])}, RandomKey(0));
      for (size_t i = 0; i < 2; ++i)
        got[i].insert(got[i].end(), r.coefficients[i].begin(), r.coefficients[i].end());
      sum += r.objective;
      for (size_t i = 0; i < r.metrics.size(); ++i) {
        metric_sum[i] += r.metrics[i].sum;
        metric_weight[i] += r.metrics[i].weight;
      }
    }
    EXPECT_EQ(got, want.coefficients) << split;
    // Sums are added in another order, so only nearly equal.
    EXPECT_NEAR(sum, want.objective, 1e-14) << split;
    for (size_t i = 0; i < want.metrics.size(); ++i) {
      EXPECT_NEAR(metric_sum[i] / metric_weight[i], want.metrics[i].sum / want.metrics[i].weight,
                  1e-14)
          << want.metrics[i].name << split;
    }
  }
}

TEST(Objective, AsksForWhatItsStagesNeed) {
  const auto plain = MakeTestObjective("{name: ppo_clip}", "[{name: entropy_bonus}]");
  const std::vector<Statistic> two = {Statistic::kLogp, Statistic::kEntropy};
  EXPECT_EQ(plain->needs().statistics, two);
  EXPECT_TRUE(plain->needs().behaviour.empty());
  EXPECT_FALSE(plain->needs().reference);
  EXPECT_FALSE(plain->needs().values);
  const auto with_kl = MakeTestObjective("{name: ppo_clip}", "[{name: kl}]");
  EXPECT_EQ(with_kl->needs().statistics, two);
  EXPECT_TRUE(with_kl->needs().reference);
  const auto weighted = MakeTestObjective("{name: ppo_clip}", "[]", "[{name: forking_tokens}]");
  EXPECT_EQ(weighted->needs().statistics, two);
  EXPECT_FALSE(weighted->separable());  // the top of the batch needs the batch

  Needs a{.statistics = {Statistic::kLogp}, .behaviour = {}, .reference = false, .values = true};
  a.Add({.statistics = {Statistic::kMaxProb, Statistic::kLogp},
         .behaviour = {Statistic::kEntropy},
         .reference = true});
  EXPECT_EQ(a.statistics, (std::vector<Statistic>{Statistic::kLogp, Statistic::kMaxProb}));
  EXPECT_EQ(a.behaviour, std::vector<Statistic>{Statistic::kEntropy});
  EXPECT_TRUE(a.reference && a.values);
}

// What was not declared cannot be read by mistake.
TEST(ObjectiveDeathTest, UndeclaredNeedsAreNotThere) {
  EXPECT_DEATH(OneRow({1}).Behaviour("max_prob"), "max_prob was not declared");
  const auto with_kl = MakeTestObjective("{name: ppo_clip}", "[{name: kl}]");
  EXPECT_DEATH(Evaluate(*with_kl, OneRow({1}), {{0}, {0}}), "reference's log-probs are missing");
}

TEST(TokenFields, ReductionsByHand) {
  const Rows rows = ThreeRows();  // lengths 3, 2 (masked), 4
  const Totals totals = CountTotals(rows);
  EXPECT_EQ(totals.tokens, 7);
  EXPECT_EQ(totals.sequences, 2);
  EXPECT_EQ(totals.groups, 2);
  Tape tape;
  TokenFields f{.rows = rows,
                .totals = totals,
                .tape = &tape,
                .logp = {},
                .entropy = {},
                .logp_old = {},
                .entropy_old = {},
                .adv = {},
                .logp_ref = {},
                .mask = rows.mask,
                .low = {},
                .high = {},
                .more = {}};
  const Field x = tape.Input({1, 2, 6, NAN, INFINITY, 4, 4, 4, 8});
  ExpectNear(f.RowSum(x).values(), {9, 0, 20}, 0);
  ExpectNear(f.RowMean(x).values(), {3, 0, 5}, 1e-15);
  ExpectNear(f.TokenMean(x).values(), {29.0 / 7}, 1e-15);
  ExpectNear(f.RowMeanMean(x).values(), {4}, 1e-15);
  ExpectNear(f.Spread(tape.Constant({1, 2, 3})).values(), {1, 1, 1, 2, 2, 3, 3, 3, 3}, 0);
  ExpectNear(tape.Gradient(f.RowMeanMean(x), x),
             {1 / 6.0, 1 / 6.0, 1 / 6.0, 0, 0, 0.125, 0.125, 0.125, 0.125}, 1e-15);
}

}  // namespace
}  // namespace rlvr
