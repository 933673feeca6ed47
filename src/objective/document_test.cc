// The worked numbers of docs/objective.md.
#include <gtest/gtest.h>

#include "objective/scopes.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Groups A and B of the page, with A_i = r_i - mean(r).
Rows PageRows() {
  Rows rows = MakeTestRows({{2, 3, 1}, {2, 2}});
  rows.reward = rows.score = {1, 0, 0, 1, 0};
  return WithAdvantage("{name: group_centered}", std::move(rows));
}

const std::vector<Doubles> kOnPolicy = {Doubles(10, 0.0), Doubles(10, 0.0)};  // logp, entropy

TEST(ObjectiveDocument, AdvantagesMeansAndRanks) {
  const Rows rows = PageRows();
  const double a = 1.0 / 3;
  ExpectNear(rows.adv, {2 * a, 2 * a, -a, -a, -a, -a, 0.5, 0.5, -0.5, -0.5}, 1e-15);
  const Doubles all(5, 1.0);
  ExpectNear(Mean(RowsBy(Scope::kGroup, rows), rows.reward, all), {a, a, a, 0.5, 0.5}, 1e-15);
  ExpectNear(Mean(RowsBy(Scope::kBatch, rows), rows.reward, all), Doubles(5, 0.4), 1e-15);
  EXPECT_EQ(Ranks(RowsBy(Scope::kGroup, rows), rows.reward, all), (Doubles{3, 1.5, 1.5, 2, 1}));
  EXPECT_EQ(Ranks(RowsBy(Scope::kBatch, rows), rows.reward, all), (Doubles{4.5, 2, 2, 4.5, 2}));
}

TEST(ObjectiveDocument, AMaskLeavesTheDenominatorAWeightDoesNot) {
  const auto objective = MakeTestObjective("{name: ppo_clip, aggregate: token_mean}");
  Rows rows = PageRows();
  rows.mask[2] = 0;
  EXPECT_NEAR(Evaluate(*objective, rows, kOnPolicy).objective, 1.0 / 27, 1e-15);
  rows.mask[2] = 1;
  rows.weight[2] = 0;
  EXPECT_NEAR(Evaluate(*objective, rows, kOnPolicy).objective, 1.0 / 30, 1e-15);
}

TEST(ObjectiveDocument, WhatALongResponsesTokenWeighs) {
  const Rows rows = PageRows();
  for (const auto& [mode, first, second] :
       {std::tuple("token_mean", 2.0 / 30, -1.0 / 30),
        std::tuple("seq_mean_token_mean", 2.0 / 30, -1.0 / 45)}) {
    const auto r =
        Evaluate(*MakeTestObjective(std::string("{name: ppo_clip, aggregate: ") + mode + "}"), rows,
                 kOnPolicy);
    EXPECT_NEAR(r.objective, 0, 1e-15) << mode;
    EXPECT_NEAR(r.coefficients[0][0], first, 1e-15) << mode;
    EXPECT_NEAR(r.coefficients[0][2], second, 1e-15) << mode;
  }
}

TEST(ObjectiveDocument, ClippedRatios) {
  Rows rows = OneRow({1, 1});
  rows.logp_old = {std::log(0.5), std::log(0.5)};
  const std::vector<Doubles> statistics = {{std::log(0.6), std::log(0.7)}, {0, 0}};
  const std::string sum = ", aggregate: token_sum, constant: 1}";
  ObjectiveResult r =
      Evaluate(*MakeTestObjective("{name: decoupled_clip, eps_low: 0.2, eps_high: 0.28" + sum),
               rows, statistics);
  EXPECT_NEAR(r.objective, 1.2 + 1.28, 1e-12);
  ExpectNear(r.coefficients[0], {1.2, 0}, 1e-12);
  r = Evaluate(*MakeTestObjective("{name: cispo, eps_high: 0.28" + sum), rows, statistics);
  ExpectNear(r.coefficients[0], {1.2, 1.28}, 1e-12);
}

TEST(ObjectiveDocument, StraightThroughHasTheValueOfOneAndTheGradientOfAnother) {
  Tape tape;
  const Field x = tape.Input({3, -2});
  const Field value = StopGradient(x * x - x) + x;  // x^2, with the gradient of x
  ExpectNear(value.values(), {9, 4}, 0);
  ExpectNear(tape.Gradient(value, x), {1, 1}, 0);
}

}  // namespace
}  // namespace rlvr
