#include <gtest/gtest.h>

#include <cmath>

#include "objective/aggregate.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(DecoupledClip, HandWorked) {  // bounds 0.8 and 1.28
  // token   0: A > 0, r too high   1: A > 0, r inside   2: A < 0, r too low   3: A < 0, r high
  const auto objective = MakeTestObjective("{name: decoupled_clip, aggregate: token_mean}");
  const Doubles logp = {std::log(1.5), std::log(1.25), std::log(0.7), std::log(1.5)};
  const auto r = Evaluate(*objective, OneRow({2, 2, -1, -1}), {logp, {0.1, 0.2, 0.3, 0.4}});
  // 0: min(3, 1.28 * 2)  1: 1.25 * 2 (1.2 would give 2.4)  2: min(-0.7, -0.8)  3: min(-1.5, -1.28)
  EXPECT_NEAR(r.objective, (2.56 + 2.5 - 0.8 - 1.5) / 4, 1e-12);
  // dJ_t/dlogp_t = r_t A_t where the clip is idle, else 0: token 3 is pushed down without limit.
  ExpectNear(r.coefficients[0], {0, 2.5 / 4, 0, -1.5 / 4}, 1e-12);
  ExpectNear(r.coefficients[1], {0, 0, 0, 0}, 0);
  EXPECT_NEAR(MetricOf(r, "actor/pg_clipfrac"), 0.5, 0);
  EXPECT_NEAR(MetricOf(r, "actor/pg_clipfrac_lower"), 0, 0);  // no dual clip
  EXPECT_NEAR(MetricOf(r, "actor/entropy"), 0.25, 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/pg_loss"), -2.76 / 4, 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/ppo_kl"),
              -(std::log(1.5) + std::log(1.25) + std::log(0.7) + std::log(1.5)) / 4, 1e-12);
}

TEST(PpoClip, HandWorked) {  // bounds 0.8 and 1.2: the same tokens
  const auto objective = MakeTestObjective("{name: ppo_clip, eps: 0.2, aggregate: token_mean}");
  const Doubles logp = {std::log(1.5), std::log(1.25), std::log(0.7), std::log(1.5)};
  const auto r = Evaluate(*objective, OneRow({2, 2, -1, -1}), {logp, Doubles(4)});
  EXPECT_NEAR(r.objective, (2.4 + 2.4 - 0.8 - 1.5) / 4, 1e-12);
  ExpectNear(r.coefficients[0], {0, 0, 0, -1.5 / 4}, 1e-12);
}

// c = 10: token 0 is beyond it, token 1 not; tokens 2 and 3 have A > 0.
TEST(PolicyLoss, DualClipHandWorked) {
  for (const std::string name : {"decoupled_clip", "ppo_clip"}) {
    const auto objective = MakeTestObjective("{name: " + name + ", clip_ratio_c: 10}");
    const Doubles logp = {std::log(12), std::log(9), std::log(12), std::log(0.5)};
    const auto r = Evaluate(*objective, OneRow({-1, -2, 1, 1}), {logp, Doubles(4)});
    const double high = name == "ppo_clip" ? 1.2 : 1.28;
    EXPECT_NEAR(r.objective, (-10 - 18 + high + 0.5) / 4, 1e-12) << name;
    ExpectNear(r.coefficients[0], {0, -18.0 / 4, 0, 0.5 / 4}, 1e-12);
    EXPECT_EQ(MetricOf(r, "actor/pg_clipfrac_lower"), 0.25);
    EXPECT_EQ(MetricOf(r, "actor/pg_clipfrac"), 0.25);
  }
}

TEST(PolicyLoss, OnPolicyGradientIsThePlainPolicyGradient) {
  for (const std::string name : {"decoupled_clip", "ppo_clip"}) {
    const Doubles adv = RandomDoubles(5, 3);
    const auto r =
        Evaluate(*MakeTestObjective("name: " + name), OneRow(adv), {Doubles(5), Doubles(5)});
    for (size_t t = 0; t < 5; ++t) EXPECT_NEAR(r.coefficients[0][t], adv[t] / 5, 1e-15);
  }
}

TEST(PolicyLoss, FiniteDifferencesOfEveryCombination) {
  for (const std::string loss : {"decoupled_clip", "ppo_clip"}) {
    for (const std::string dual : {"", ", clip_ratio_c: 1.05"}) {
      for (const auto& mode : Aggregate::Modes()) {
        for (const std::string kind : {"k1", "k2", "k3"}) {
          const auto objective =
              MakeTestObjective("{name: " + loss + dual + Aggregated(mode) + "}",
                                "[{name: kl, kind: " + kind +
                                    ", beta: 0.3}, {name: entropy_bonus, coefficient: 0.2}]");
          const Rows rows = ThreeRows();
          std::vector<Doubles> s = {rows.logp_old, RandomDoubles(9, 9)};
          for (size_t t = 0; t < 9; ++t) s[0][t] += 0.05 * static_cast<double>(t) - 0.21;
          ExpectGradient(*objective, rows, s, 1e-8, loss + dual + mode + kind);
          // A masked token has no gradient.
          EXPECT_EQ(Evaluate(*objective, rows, s).coefficients[0][3], 0);
        }
      }
    }
  }
}

// l = [[1, 1], [4]], lengths 2 and 1, C = 8: token-mean 2; seq-mean-token-sum 3;
// seq-mean-token-mean 2.5; Dr. GRPO (1 + 1 + 4) / (2 * 8) = 0.375; without its 1 / S 6 / 8.
TEST(Aggregate, HandWorked) {
  const Rows rows = MakeTestRows({{2, 1}});
  const Doubles loss = {1, 1, 4};
  for (const auto& [mode, want] :
       std::vector<std::pair<std::string, double>>{{"token_mean", 2},
                                                   {"seq_mean_token_sum", 3},
                                                   {"seq_mean_token_mean", 2.5},
                                                   {"token_sum_norm", 0.375},
                                                   {"token_sum", 0.75}}) {
    const Doubles weight = Aggregate{mode, 8}.Weights(rows.begin, rows.mask, CountTotals(rows));
    double sum = 0;
    for (size_t t = 0; t < 3; ++t) sum += weight[t] * loss[t];
    EXPECT_NEAR(sum, want, 1e-12) << mode;
  }
}

// Two rows of 2 and 1 tokens, ratio 1, A = 1, 2, 4. The denominators see a mask and no weight.
TEST(Aggregate, MaskLeavesTheDenominatorAndWeightDoesNot) {
  struct Case {
    std::string mode;
    double masked, weighted;  // token 1 masked; token 1 with weight 0
  };
  for (const Case& c :
       {Case{"token_mean", (1 + 4) / 2.0, (1 + 4) / 3.0},
        Case{"seq_mean_token_mean", (1 + 4) / 2.0, (1 / 2.0 + 4) / 2.0},
        Case{"seq_mean_token_sum", (1 + 4) / 2.0, (1 + 4) / 2.0},
        Case{"token_sum_norm", 5 / 16.0, 5 / 16.0}, Case{"token_sum", 5 / 8.0, 5 / 8.0}}) {
    const auto objective = MakeTestObjective("{name: ppo_clip" + Aggregated(c.mode, 8) + "}",
                                             "[{name: entropy_bonus, coefficient: 1}]");
    Rows masked = MakeTestRows({{2, 1}});
    masked.adv = {1, 2, 4};
    Rows weighted = masked;
    masked.mask = {1, 0, 1};
    weighted.weight = {1, 0, 1};
    EXPECT_NEAR(Evaluate(*objective, masked, {Doubles(3), Doubles(3)}).objective, c.masked, 1e-15)
        << c.mode;
    const auto r = Evaluate(*objective, weighted, {Doubles(3), Doubles(3)});
    EXPECT_NEAR(r.objective, c.weighted, 1e-15) << c.mode;
    EXPECT_EQ(r.coefficients[0][1], 0);
    EXPECT_GT(r.coefficients[1][1], 0);  // a regularizer sees no weight
    // A whole row out: one sequence is left, of one token.
    masked.mask = {0, 0, 1};
    const double last = c.mode == "token_sum" || c.mode == "token_sum_norm" ? 4 / 8.0 : 4;
    EXPECT_NEAR(Evaluate(*objective, masked, {Doubles(3), Doubles(3)}).objective, last, 1e-15)
        << c.mode;
  }
}

}  // namespace
}  // namespace rlvr
