// Losses over tokens with their own kind of ratio, or none: reinforce, gpg, gspo, gspo_token,
// cispo. Expected numbers are worked by hand from the papers' formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two rows of 2 and 1 tokens in one group, with an advantage each.
Rows TwoRows(double a, double b) {
  Rows r = MakeTestRows({{2, 1}});
  r.adv = {a, a, b};
  return r;
}

Doubles Zeros(size_t n) { return Doubles(n, 0.0); }

TEST(Reinforce, IsAdvantageTimesLogp) {
  const auto objective = MakeTestObjective("{name: reinforce, aggregate: token_mean}");
  const Rows rows = OneRow({2, -1, 0.5});
  const auto r = Evaluate(*objective, rows, {{-0.5, -2, -1}, Zeros(3)});
  EXPECT_NEAR(r.objective, (-1.0 + 2.0 - 0.5) / 3, 1e-15);
  ExpectNear(r.coefficients[0], {2.0 / 3, -1.0 / 3, 0.5 / 3}, 1e-15);
  ExpectNear(r.coefficients[1], {0, 0, 0}, 0);
}

TEST(Reinforce, EqualsTheClippedSurrogateGradientOnPolicy) {
  Rows rows = OneRow({2, -1, 0.5});
  rows.logp_old = {-0.5, -2, -1};
  const std::vector<Doubles> s = {rows.logp_old, Zeros(3)};
  const auto plain = Evaluate(*MakeTestObjective("{name: reinforce}"), rows, s);
  const auto clipped = Evaluate(*MakeTestObjective("{name: decoupled_clip}"), rows, s);
  ExpectNear(plain.coefficients[0], clipped.coefficients[0], 1e-15);
}

// Three groups of two single-token rows: the second has equal rewards, so no advantage.
TEST(Gpg, AlphaIsGroupsOverGroupsWithGradient) {
  Rows rows = MakeTestRows({{1, 1}, {1, 1}, {1, 1}});
  rows.reward = {1, 0, 1, 1, 0, 1};
  rows.adv = {0.5, -0.5, 0, 0, -0.5, 0.5};
  const std::vector<Doubles> s = {{-1, -2, -1, -1, -3, -1}, Zeros(6)};
  // alpha = 3 / 2; sum A logp = -0.5 + 1 + 1.5 - 0.5 = 1.5, over 6 tokens.
  const auto objective = MakeTestObjective("{name: gpg}");
  EXPECT_FALSE(objective->separable());
  const auto r = Evaluate(*objective, rows, s);
  EXPECT_NEAR(r.objective, 1.5 * 1.5 / 6, 1e-15);
  ExpectNear(r.coefficients[0], {0.125, -0.125, 0, 0, -0.125, 0.125}, 1e-15);
  EXPECT_NEAR(MetricOf(r, "actor/gpg_alpha"), 1.5, 0);
  // By scores: 6 responses, 4 with a reward that is not 0: alpha = 1.5 as well; with one more wrong
  // row in the second group 6 / 3 = 2.
  rows.reward[2] = 0;
  EXPECT_NEAR(MetricOf(Evaluate(*MakeTestObjective("{name: gpg, alpha_by: scores}"), rows, s),
                       "actor/gpg_alpha"),
              2, 0);
  // No group has a gradient: alpha 1, J 0.
  rows.adv = Zeros(6);
  const auto none = Evaluate(*objective, rows, s);
  EXPECT_EQ(none.objective, 0);
  EXPECT_NEAR(MetricOf(none, "actor/gpg_alpha"), 1, 0);
  // verl's figure: rewards [1, 0, 0, 0] in one group give alpha 4.
  Rows one = RewardRows({{1, 0, 0, 0}});
  one.adv = {0.75, -0.25, -0.25, -0.25};
  const auto verl = Evaluate(*MakeTestObjective("{name: gpg, alpha_by: scores}"), one,
                             {{-1, -1, -1, -1}, Zeros(4)});
  ExpectNear(verl.coefficients[0], {0.75, -0.25, -0.25, -0.25}, 1e-15);  // 4 A / 4 tokens
}

TEST(Gpg, MaskedRowsAreNotCounted) {
  Rows rows = MakeTestRows({{1, 1}, {1, 1}});
  rows.adv = {0.5, -0.5, 0, 0};
  rows.mask = {1, 1, 0, 0};
  const auto r = Evaluate(*MakeTestObjective("{name: gpg}"), rows, {{-1, -1, -1, -1}, Zeros(4)});
  EXPECT_NEAR(MetricOf(r, "actor/gpg_alpha"), 1, 0);
}

// Log-ratios [.1, -.3, .05]: s = exp(-.15 / 3) = exp(-.05) = .951229.
TEST(Gspo, HandWorkedUnclipped) {
  Rows rows = OneRow({1, 1, 1});
  rows.logp_old = {-1, -1, -1};
  const Doubles logp = {-0.9, -1.3, -0.95};
  for (const char* name : {"gspo", "gspo_token"}) {
    const auto objective =
        MakeTestObjective(std::string("{name: ") + name +
                          ", eps_low: 0.1, eps_high: 0.1, aggregate: seq_mean_token_mean}");
    const auto r = Evaluate(*objective, rows, {logp, Zeros(3)});
    EXPECT_NEAR(r.objective, 0.951229424500714, 1e-14) << name;
    ExpectNear(r.coefficients[0], Doubles(3, 0.951229424500714 / 3), 1e-14);  // s / L
    EXPECT_EQ(MetricOf(r, "actor/seq_clipfrac"), 0) << name;
  }
}

// The paper's bounds: the first row's s = exp(0.001) is above 1.0004 with A > 0 and is cut as a
// whole, its tokens' gradients with it; the second's is exp(0.001) too, but A < 0: pushed down
// unclipped.
TEST(Gspo, ClipsAWholeResponse) {
  const Rows rows = TwoRows(2, -1);
  const Doubles logp = {0.302, -0.3, 0.001};  // mean of the first row 0.001
  for (const char* name : {"gspo", "gspo_token"}) {
    const auto objective =
        MakeTestObjective(std::string("{name: ") + name + ", aggregate: seq_mean_token_mean}");
    const auto r = Evaluate(*objective, rows, {logp, Zeros(3)});
    const double s = std::exp(0.001);
    EXPECT_NEAR(r.objective, (2 * 1.0004 - s) / 2, 1e-12) << name;
    ExpectNear(r.coefficients[0], {0, 0, -s / 2}, 1e-12);
    EXPECT_NEAR(MetricOf(r, "actor/seq_clipfrac"), 2.0 / 3, 1e-15) << name;
  }
}

// The lower bound: s = exp(-0.001) < 0.9997 with A < 0 is cut, with A > 0 it is not.
TEST(Gspo, LowerBound) {
  const Rows rows = TwoRows(-2, 1);
  const auto r = Evaluate(*MakeTestObjective("{name: gspo, aggregate: seq_mean_token_mean}"), rows,
                          {{-0.001, -0.001, -0.001}, Zeros(3)});
  const double s = std::exp(-0.001);
  EXPECT_NEAR(r.objective, (-2 * 0.9997 + s) / 2, 1e-12);
  ExpectNear(r.coefficients[0], {0, 0, s / 2}, 1e-12);
}

// A masked token is not in the mean, even if its ratio is infinite.
TEST(Gspo, MaskedTokensAreOutOfTheRatio) {
  Rows rows = OneRow({1, 1, 1});
  rows.mask = {1, 0, 1};
  const auto r =
      Evaluate(*MakeTestObjective("{name: gspo, eps_high: 1, aggregate: seq_mean_token_mean}"),
               rows, {{0.1, 900, 0.3}, Zeros(3)});
  EXPECT_NEAR(r.objective, std::exp(0.2), 1e-14);
  ExpectNear(r.coefficients[0], {std::exp(0.2) / 2, 0, std::exp(0.2) / 2}, 1e-14);
}

// Advantages that differ within a response: GSPO-token's gradient reaches each token by its own
// advantage, GSPO's by their mean. L = 2, s = exp(0.05), A = [1, 3], mean 2.
TEST(Gspo, TokenVariantKeepsTokenAdvantages) {
  Rows rows = OneRow({1, 3});
  const std::vector<Doubles> s = {{0.1, 0.0}, Zeros(2)};
  const std::string bounds = "eps_low: 0.5, eps_high: 0.5, aggregate: seq_mean_token_mean}";
  const auto token = Evaluate(*MakeTestObjective("{name: gspo_token, " + bounds), rows, s);
  const auto whole = Evaluate(*MakeTestObjective("{name: gspo, " + bounds), rows, s);
  const double ratio = std::exp(0.05);
  EXPECT_NEAR(token.objective, 2 * ratio, 1e-14);
  EXPECT_NEAR(whole.objective, 2 * ratio, 1e-14);
  ExpectNear(token.coefficients[0], {ratio * 1 / 2, ratio * 3 / 2}, 1e-14);
  ExpectNear(whole.coefficients[0], {ratio * 2 / 2, ratio * 2 / 2}, 1e-14);
}

TEST(Gspo, GradientIsTheDifference) {
  Rows rows = MakeTestRows({{3, 2}, {4}});
  rows.adv = {1, 1, 1, -0.5, -0.5, 0.7, 0.7, 0.7, 0.7};
  rows.mask[1] = 0;
  Doubles logp = RandomDoubles(9, 3);
  for (double& x : logp) x *= 0.05;
  ExpectGradient(*MakeTestObjective("{name: gspo, eps_low: 0.01, eps_high: 0.01}"), rows,
                 {logp, Zeros(9)});
}

// r = 1.5, upper bound 1.28, A = 2, logp = -.7: J = 1.28 * 2 * -.7 = -1.792, gradient 2.56.
TEST(Cispo, HandWorked) {
  Rows rows = OneRow({2});
  rows.logp_old = {-0.7 - std::log(1.5)};
  const auto r = Evaluate(*MakeTestObjective("{name: cispo, eps_high: 0.28}"), rows, {{-0.7}, {0}});
  EXPECT_NEAR(r.objective, -1.792, 1e-14);
  ExpectNear(r.coefficients[0], {2.56}, 1e-14);
  EXPECT_EQ(MetricOf(r, "actor/pg_clipfrac"), 1);
}

// No bound takes a gradient away, whatever the sign of A. Ratios 8 (cut to 5), 0.1 (no lower
// bound), 0.1 with eps_low = 0.2 (raised to 0.8); A = -1.
TEST(Cispo, KeepsEveryGradient) {
  Rows rows = OneRow({-1, -1});
  rows.logp_old = {-1 - std::log(8.0), -1 - std::log(0.1)};
  const std::vector<Doubles> s = {{-1, -1}, Zeros(2)};
  ExpectNear(Evaluate(*MakeTestObjective("{name: cispo}"), rows, s).coefficients[0], {-2.5, -0.05},
             1e-14);
  ExpectNear(Evaluate(*MakeTestObjective("{name: cispo, eps_low: 0.2}"), rows, s).coefficients[0],
             {-2.5, -0.4}, 1e-14);
}

}  // namespace
}  // namespace rlvr
