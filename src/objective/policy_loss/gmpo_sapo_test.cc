// gmpo and sapo. Expected numbers are worked by hand from the papers' formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Log-ratios [.6, .1 | -.6, .1] with A = [2 | -1], bounds .4:
//   l = [.4, .1], J = 2 exp(.25);  l = [-.4, .1], J = -exp(-.15)
// mean (2.568051 - .860708) / 2 = .853671. Gradient: J_i / (L S) where l is not cut.
TEST(Gmpo, HandWorked) {
  Rows rows = MakeTestRows({{2, 2}});
  rows.adv = {2, 2, -1, -1};
  const auto r =
      Evaluate(*MakeTestObjective("{name: gmpo}"), rows, {{0.6, 0.1, -0.6, 0.1}, Doubles(4)});
  const double up = 2 * std::exp(0.25), down = -std::exp(-0.15);
  EXPECT_NEAR(r.objective, 0.8536714, 1e-6);
  EXPECT_NEAR(r.objective, (up + down) / 2, 1e-14);
  ExpectNear(r.coefficients[0], {0, up / 4, 0, down / 4}, 1e-14);
  EXPECT_NEAR(MetricOf(r, "actor/gmpo_clipfrac"), 0.5, 1e-15);
}

// The other side is never cut: A > 0 with a low ratio, A < 0 with a high one.
TEST(Gmpo, OneSided) {
  Rows rows = MakeTestRows({{1, 1}});
  rows.adv = {1, -1};
  const auto r = Evaluate(*MakeTestObjective("{name: gmpo}"), rows, {{-2, 2}, Doubles(2)});
  EXPECT_NEAR(r.objective, (std::exp(-2) - std::exp(2)) / 2, 1e-14);
  ExpectNear(r.coefficients[0], {std::exp(-2) / 2, -std::exp(2) / 2}, 1e-14);
}

TEST(Gmpo, MaskedTokensAndDifferences) {
  Rows rows = MakeTestRows({{3, 2}, {4}});
  rows.adv = {1, 1, 1, -0.5, -0.5, 0.7, 0.7, 0.7, 0.7};
  rows.mask[1] = 0;
  Doubles logp = RandomDoubles(9, 3);
  for (double& x : logp) x *= 0.3;
  const auto objective = MakeTestObjective("{name: gmpo, eps_low: 0.2, eps_high: 0.3}");
  ExpectGradient(*objective, rows, {logp, Doubles(9)});
  logp[1] = 100;  // out of the mean
  EXPECT_LT(Evaluate(*objective, rows, {logp, Doubles(9)}).objective, 2);
}

// r = 1: J = 4 / tau / 2 A, gradient A whatever tau. r = 1.5, A = 2, tau 1: 4 sigmoid(.5) 2 =
// 4.979675, gradient 4 sigmoid(.5) sigmoid(-.5) 1.5 2 = 2.820045. A = -2, tau 2: -4 sigmoid(1) =
// -2.924234, gradient -4 tau / tau sigmoid(1) sigmoid(-1) 1.5 2 = -2.359343.
TEST(Sapo, HandWorked) {
  const std::string params = "{name: sapo, tau_pos: 1, tau_neg: 2}";
  const auto at = [&](double a, double ratio) {
    return Evaluate(*MakeTestObjective(params), OneRow({a}), {{std::log(ratio)}, {0}});
  };
  EXPECT_NEAR(at(3, 1).objective, 6, 1e-14);
  EXPECT_NEAR(at(3, 1).coefficients[0][0], 3, 1e-14);
  EXPECT_NEAR(at(-3, 1).objective, -3, 1e-14);
  EXPECT_NEAR(at(-3, 1).coefficients[0][0], -3, 1e-14);
  EXPECT_NEAR(at(2, 1.5).objective, 4.979675, 1e-6);
  EXPECT_NEAR(at(2, 1.5).coefficients[0][0], 2.820045, 1e-6);
  EXPECT_NEAR(at(-2, 1.5).objective, -2.924234, 1e-6);
  EXPECT_NEAR(at(-2, 1.5).coefficients[0][0], -2.359343, 1e-6);
}

}  // namespace
}  // namespace rlvr
