// Regularizers on entropies, on tokens chosen by covariance or rareness, and KL's variants.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

std::unique_ptr<Objective> Regularized(const std::string& regularizer,
                                       const std::string& loss = "{name: ppo_clip}") {
  return MakeTestObjective(loss, "[" + regularizer + "]");
}

// d = .2: |d| slope 1; k3 = .0187308 with k2's slope d.
TEST(Kl, AbsAndK2Gradient) {
  Rows rows = OneRow({0, 0});
  rows.logp_ref = {-0.2, 0.4};
  const std::vector<Doubles> s = {{0, 0}, {0, 0}};
  const auto abs = Evaluate(*Regularized("{name: kl, kind: abs, beta: 1}"), rows, s);
  EXPECT_NEAR(abs.objective, -0.3, 1e-15);
  ExpectNear(abs.coefficients[0], {-0.5, 0.5}, 1e-15);
  const auto k3 = Evaluate(*Regularized("{name: kl, gradient: k2, beta: 1}"), rows, s);
  // k3(.2) = .0187307531, k3(-.4) = e^.4 - 1.4 = .0918246976
  EXPECT_NEAR(k3.objective, -(0.0187307531 + 0.0918246976) / 2, 1e-10);
  ExpectNear(k3.coefficients[0], {-0.1, 0.2}, 1e-15);
}

TEST(Kl, Clamped) {  // k3(-3) = e^3 - 4 = 16.0855; k3(30) = 29
  Rows rows = OneRow({0, 0, 0});
  rows.logp_ref = {3, -30, -0.2};
  const std::vector<Doubles> s = {Doubles(3), Doubles(3)};
  const auto open = Evaluate(*Regularized("{name: kl, beta: 3}"), rows, s);
  EXPECT_NEAR(open.objective, -(std::exp(3) - 4 + 29 + 0.0187307531), 1e-9);
  const auto clamped = Evaluate(*Regularized("{name: kl, beta: 3, clamp: true}"), rows, s);
  EXPECT_NEAR(clamped.objective, -20.0187307531, 1e-9);
  ExpectNear(clamped.coefficients[0], {0, 0, -(1 - std::exp(-0.2))}, 1e-12);
}

// A = 1, 1, -1, -1, logp = -.1, -2, -.2, -3: cov = 1.225, -.675, -1.125, 1.675.
// logp - logp_old = .1, 0, 0, -.2.
TEST(KlCov, HandWorked) {
  Rows rows = OneRow({1, 1, -1, -1});
  rows.logp_old = {-0.2, -2, -0.2, -2.8};
  const std::vector<Doubles> s = {{-0.1, -2, -0.2, -3}, Doubles(4)};
  const std::string unclipped = "{name: decoupled_clip, eps_low: 1, eps_high: 10}";
  // Token 3 alone: J = (e^.1 + 1 - 1 - e^-.2 - .2) / 4.
  const auto one = Evaluate(*Regularized("{name: kl_cov, ratio: 0.25}", unclipped), rows, s);
  const double up = std::exp(0.1), down = std::exp(-0.2);
  EXPECT_NEAR(one.objective, (up - down - 0.2) / 4, 1e-12);
  ExpectNear(one.coefficients[0], {up / 4, 0.25, -0.25, (-down + 1) / 4}, 1e-12);
  // At least one; two with a half of the tokens.
  EXPECT_EQ(Evaluate(*Regularized("{name: kl_cov, ratio: 0}", unclipped), rows, s).objective,
            one.objective);
  const auto two =
      Evaluate(*Regularized("{name: kl_cov, ratio: 0.5, beta: 2}", unclipped), rows, s);
  EXPECT_NEAR(two.objective, (up - down - 2 * 0.3) / 4, 1e-12);
  ExpectNear(two.coefficients[0], {(up - 2) / 4, 0.25, -0.25, (-down + 2) / 4}, 1e-12);
  EXPECT_NEAR(MetricOf(two, "actor/kl_cov_loss"), 0.3 / 4, 1e-12);
  ExpectGradient(*Regularized("{name: kl_cov, ratio: 0.5}", unclipped), rows, s);
  EXPECT_FALSE(Regularized("{name: kl_cov}")->separable());
}

// The masked token would have the largest covariance.
TEST(KlCov, MaskedTokensAreNotRanked) {
  Rows rows = OneRow({1, 1, -1, -1, 9});
  rows.logp_old = {-0.2, -2, -0.2, -2.8, 3};
  rows.mask[4] = 0;
  const auto r = Evaluate(*Regularized("{name: kl_cov, ratio: 0}"), rows,
                          {{-0.1, -2, -0.2, -3, 9}, Doubles(5)});
  EXPECT_NEAR(MetricOf(r, "actor/kl_cov_loss"), 0.2 / 4, 1e-12);
}

// A = 1 and -1, mean logp -1: cov = .3, -.2, .1 and .1, .1, 0; softmax s = .4123267, .2500888,
// .3375845 and .344253, .344253, .311493.
TEST(CovEntropy, HandWorked) {
  Rows rows = MakeTestRows({{3, 3}});
  rows.adv = {1, 1, 1, -1, -1, -1};
  rows.logp_old = {-0.7, -1.2, -0.9, -1.1, -1.1, -1.0};
  const auto r =
      Evaluate(*Regularized("{name: cov_entropy}"), rows, {rows.logp_old, {1, 0, 0, 0, 0, 0}});
  EXPECT_NEAR(r.objective, 4.123267 / 6, 1e-6);
  ExpectNear(r.coefficients[1],
             {4.123267 / 6, 2.500888 / 6, 3.375845 / 6, 3.44253 / 6, 3.44253 / 6, 3.114933 / 6},
             1e-6);
  // With H_0 = 1: 10 s_0 ([t = 0] - s_t) / 6 through the covariance, and A_t / 6.
  ExpectNear(r.coefficients[0],
             {0.4038557 + 1 / 6.0, -0.1718641 + 1 / 6.0, -0.2319918 + 1 / 6.0, -1 / 6.0, -1 / 6.0,
              -1 / 6.0},
             1e-6);
}

// A token alone in its response has all of the softmax: 10, cut to 5, and no gradient through it.
TEST(CovEntropy, CapAndMask) {
  Rows rows = MakeTestRows({{2, 2}});
  rows.adv = {1, 1, -1, -1};
  rows.logp_old = {-1, -2, -3, -4};
  rows.mask = {1, 0, 0, 0};
  const auto r = Evaluate(*Regularized("{name: cov_entropy}"), rows, {rows.logp_old, {2, 9, 9, 9}});
  EXPECT_NEAR(r.objective, 1 + 10, 1e-12);
  ExpectNear(r.coefficients[0], {1, 0, 0, 0}, 1e-12);
  ExpectNear(r.coefficients[1], {5, 0, 0, 0}, 1e-12);
}

// p = .6, .3, .09, .01, kappa .02: the threshold .012 removes the last; q = p / .99.
// d = log .99: k3 = 1 / .99 - 1 + log .99 = 5.06742e-5, slope 1 - 1 / .99 = -.0101010.
Rows LpRegRows() {
  Rows rows = OneRow({-1, -1, -1, -1});
  rows.logp_old = {std::log(0.6), std::log(0.3), std::log(0.09), std::log(0.01)};
  rows.behaviour["filtered_logp(0.02)"] = {std::log(0.6 / 0.99), std::log(0.3 / 0.99),
                                           std::log(0.09 / 0.99), -1e4};
  return rows;
}

TEST(LpReg, HandWorked) {
  Rows rows = LpRegRows();
  const std::vector<Doubles> s = {rows.logp_old, Doubles(4)};
  const double slope = 1 / 0.99 - 1;
  const std::string loss = "{name: decoupled_clip, eps_low: 1, eps_high: 9}";
  // The two lowest are .09 and .01; q of .01 is out of the proxy.
  const auto two = Evaluate(*Regularized("{name: lp_reg, rho: 0.5}", loss), rows, s);
  EXPECT_NEAR(two.objective, -1 - 5.06742e-5 / 4, 1e-10);
  ExpectNear(two.coefficients[0], {-0.25, -0.25, (-1 + slope) / 4, -0.25}, 1e-10);
  EXPECT_NEAR(MetricOf(two, "actor/lp_reg_tokens"), 0.25, 1e-15);
  ExpectGradient(*Regularized("{name: lp_reg, rho: 0.5}", loss), rows, s);
  // floor(.75 * 4) = 3: .3 as well.
  ExpectNear(Evaluate(*Regularized("{name: lp_reg, rho: 0.75}", loss), rows, s).coefficients[0],
             {-0.25, (-1 + slope) / 4, (-1 + slope) / 4, -0.25}, 1e-10);
  // One token is none, as released.
  ExpectNear(Evaluate(*Regularized("{name: lp_reg, rho: 0.25}", loss), rows, s).coefficients[0],
             Doubles(4, -0.25), 1e-15);
  // A token that is pulled up is not counted: of three, floor(.67 * 3) = 2 are .3 and .01.
  rows.adv[2] = 1;
  ExpectNear(Evaluate(*Regularized("{name: lp_reg, rho: 0.67}", loss), rows, s).coefficients[0],
             {-0.25, (-1 + slope) / 4, 0.25, -0.25}, 1e-10);
}

TEST(LpReg, FarBelowTheProxyIsCapped) {  // d = -19: k3 would be e^19
  Rows rows = OneRow({-1, -1});
  rows.logp_old = {-20, -20};
  rows.behaviour["filtered_logp(0.02)"] = {-1, -1e4};
  const auto r =
      Evaluate(*Regularized("{name: lp_reg, rho: 1}"), rows, {rows.logp_old, Doubles(2)});
  EXPECT_NEAR(r.objective, -1 - 10 / 2.0, 1e-12);
  ExpectNear(r.coefficients[0], {-0.5, -0.5}, 1e-12);
}

// Quantile .8 of .1 .2 .3 .5 .7 is .54: .7; of .2 .4 it is .36: .4. Hbar = .55.
TEST(Siren, HandWorked) {
  const Rows rows = MakeTestRows({{5, 2}});
  const std::vector<Doubles> s = {Doubles(7), Doubles(7), {0.1, 0.5, 0.3, 0.7, 0.2, 0.2, 0.4}};
  const auto objective = Regularized("{name: siren, anchor: 0.75}");
  ASSERT_EQ(objective->needs().statistics.size(), 3u);
  EXPECT_EQ(ToString(objective->needs().statistics[2]), "open_nucleus_entropy(0.8)");
  const auto r = Evaluate(*objective, rows, s);
  EXPECT_NEAR(r.objective, -0.005 * 0.04, 1e-15);
  // -lambda 2 (Hbar - anchor) / 2 rows
  ExpectNear(r.coefficients[2], {0, 0, 0, 0.001, 0, 0, 0.001}, 1e-15);
  EXPECT_NEAR(MetricOf(r, "actor/peak_entropy"), 0.55, 1e-15);
  ExpectGradient(*objective, rows, s);
  // No anchor yet: measured, no term.
  const auto first = Evaluate(*Regularized("{name: siren}"), rows, s);
  EXPECT_EQ(first.objective, 0);
  ExpectNear(first.coefficients[2], Doubles(7), 0);
  EXPECT_NEAR(MetricOf(first, "actor/peak_entropy"), 0.55, 1e-15);
  EXPECT_EQ(ToString(Regularized("{name: siren, nucleus: closed}")->needs().statistics[2]),
            "nucleus_entropy(0.8)");
}

// Nothing is above a quantile of one token, or of equal ones: such rows leave the mean.
TEST(Siren, RowsWithoutAPeak) {
  Rows rows = MakeTestRows({{1, 2, 3}});
  const std::vector<Doubles> s = {Doubles(6), Doubles(6), {0.9, 0.3, 0.3, 0.1, 0.5, 0.7}};
  const auto r = Evaluate(*Regularized("{name: siren, anchor: 0.5}"), rows, s);
  EXPECT_NEAR(MetricOf(r, "actor/peak_entropy"), 0.7, 1e-15);  // .8 quantile of .1 .5 .7: .62
  rows.mask = {1, 1, 1, 0, 0, 0};
  EXPECT_EQ(Evaluate(*Regularized("{name: siren, anchor: 0.5}"), rows, s).objective, 0);
}

// hbar = .5, band (0, 1): H = .4 inside, 1.2 outside.
TEST(Epo, HandWorked) {
  Rows rows = OneRow({0, 0});
  rows.turn = {0, 1};
  const std::vector<Doubles> s = {{0, 0}, {0.4, 1.2}};
  const auto value = [&](const std::string& more) {
    return Evaluate(*Regularized("{name: epo, lambda: 1, delta: 0.05" + more + "}"), rows, s);
  };
  EXPECT_NEAR(value("").objective, 0.8, 1e-15);  // no history
  const auto constant = value(", history: 0.5");
  EXPECT_NEAR(constant.objective, 0.8 - 0.025, 1e-15);
  ExpectNear(constant.coefficients[1], {0.5, 0.5}, 1e-15);  // the bonus' alone
  EXPECT_NEAR(MetricOf(constant, "actor/epo_outside"), 0.5, 1e-15);
  EXPECT_NEAR(value(", history: 0.5, phase: 0.5, c: 4").objective, 0.8 - 0.05, 1e-15);
  const auto distance = value(", history: 0.5, penalty: distance");
  EXPECT_NEAR(distance.objective, 0.8 - 0.05 * 0.2 / 2, 1e-15);
  ExpectNear(distance.coefficients[1], {0.5, 0.5 - 0.025}, 1e-15);
  // Below .9 * .5 = .45 as well, by .05.
  const auto both = value(", history: 0.5, penalty: distance, kappa_l: 0.9");
  EXPECT_NEAR(both.objective, 0.8 - 0.05 * (0.2 + 0.05) / 2, 1e-15);
  ExpectNear(both.coefficients[1], {0.5 + 0.025, 0.5 - 0.025}, 1e-15);
  EXPECT_NEAR(value(", history: 0.5, from_turn: 2").objective, 0.8, 1e-15);
  EXPECT_NEAR(value(", history: 0.5, from_turn: 1").objective, 0.8 - 0.025, 1e-15);
  // The response's mean, .8, is inside.
  EXPECT_NEAR(value(", history: 0.5, entropy: sequence").objective, 0.8, 1e-15);
  ExpectGradient(
      *Regularized("{name: epo, lambda: 1, history: 0.3, penalty: distance, entropy: sequence}"),
      rows, s);
}

// Band .3 .. 1 and H = .1, .5, 1.4: .2, 0, .4 outside. Quantiles .25 and .75: .3 and .95.
TEST(EntropyBand, HandWorked) {
  const Rows rows = OneRow({0, 0, 0});
  const std::vector<Doubles> s = {Doubles(3), {0.1, 0.5, 1.4}};
  const auto numbers = Evaluate(
      *Regularized("{name: entropy_band, beta: 1, bounds: numbers, low: 0.3, high: 1}"), rows, s);
  EXPECT_NEAR(numbers.objective, -0.2, 1e-15);
  ExpectNear(numbers.coefficients[1], {1 / 3.0, 0, -1 / 3.0}, 1e-15);
  const auto quantiles =
      Evaluate(*Regularized("{name: entropy_band, beta: 1, q_low: 0.25, q_high: 0.75}"), rows, s);
  EXPECT_NEAR(quantiles.objective, -(0.2 + 0.45) / 3, 1e-15);
  ExpectNear(quantiles.coefficients[1], {1 / 3.0, 0, -1 / 3.0}, 1e-15);  // the bounds are constants
}

// Behind forking_tokens a regularizer sees the forking tokens alone: of H = .1, .5, 1.4, .9 the top
// half, 1.4 and .9, whose median is 1.15.
TEST(EntropyBand, OnForkingTokens) {
  const auto objective = MakeTestObjective(
      "{name: ppo_clip}", "[{name: entropy_band, beta: 1, q_low: 0.5, q_high: 0.5}]",
      "[{name: forking_tokens, rho: 0.5}]");
  const auto r = Evaluate(*objective, OneRow(Doubles(4)), {Doubles(4), {0.1, 0.5, 1.4, 0.9}});
  EXPECT_NEAR(r.objective, -(0.25 + 0.25) / 2, 1e-15);
  ExpectNear(r.coefficients[1], {0, 0, -0.5, 0.5}, 1e-15);
}

}  // namespace
}  // namespace rlvr
