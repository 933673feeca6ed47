// Losses over whole groups: real, pacs, cpl, power_dl. Expected numbers are worked by hand from the
// papers' formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

Doubles Zeros(size_t n) { return Doubles(n, 0.0); }
double Sigma(double x) { return 1 / (1 + std::exp(-x)); }

void SetRight(Rows* rows, const std::vector<int>& right) {
  for (size_t s = 0; s < right.size(); ++s)
    rows->verdict[s] = right[s] ? Verdict::kRight : Verdict::kWrong;
}

// One group of four single-token rows, the first two right: s = [.1, -.2 | .3, -.1], tau = .5.
TEST(Real, HandWorked) {
  Rows rows = MakeTestRows({{1, 1, 1, 1}});
  SetRight(&rows, {1, 1, 0, 0});
  rows.logp_old = {-1, -2, -3, -4};
  const auto r = Evaluate(*MakeTestObjective("{name: real, tau: 0.5}"), rows,
                          {{-0.9, -2.2, -2.7, -4.1}, Zeros(4)});
  // log(1 + e^-.2 + e^.4) + log(1 + e^.6 + e^-.2) = 1.197116 + 1.292217
  EXPECT_NEAR(r.objective, -2.489333, 1e-6);
  const double right = 1 + std::exp(-0.2) + std::exp(0.4),
               wrong = 1 + std::exp(0.6) + std::exp(-0.2);
  ExpectNear(r.coefficients[0],
             {2 * std::exp(-0.2) / right, 2 * std::exp(0.4) / right, -2 * std::exp(0.6) / wrong,
              -2 * std::exp(-0.2) / wrong},
             1e-12);
}

// s is a mean over unmasked tokens, so a token gets 1 / L of dJ/ds.
TEST(Real, LengthNormalised) {
  Rows rows = MakeTestRows({{3, 1}});
  SetRight(&rows, {1, 0});
  rows.mask = {1, 0, 1, 1};
  // s = [(.2 + .4) / 2, -.1] = [.3, -.1]; tau = 1.
  const auto r =
      Evaluate(*MakeTestObjective("{name: real, tau: 1}"), rows, {{0.2, 900, 0.4, -0.1}, Zeros(4)});
  EXPECT_NEAR(r.objective, -std::log1p(std::exp(-0.3)) - std::log1p(std::exp(-0.1)), 1e-12);
  ExpectNear(r.coefficients[0], {Sigma(-0.3) / 2, 0, Sigma(-0.3) / 2, -Sigma(-0.1)}, 1e-12);
}

// A group of one class gives 0 with skip, the formula with keep; the mean is over both groups.
TEST(Real, SingleClassGroups) {
  Rows rows = MakeTestRows({{1, 1}, {1, 1}});
  SetRight(&rows, {1, 0, 1, 1});
  const std::vector<Doubles> s = {{0, 0, 0, 0}, Zeros(4)};
  EXPECT_NEAR(Evaluate(*MakeTestObjective("{name: real}"), rows, s).objective, -2 * std::log(2) / 2,
              1e-12);
  const auto keep = Evaluate(*MakeTestObjective("{name: real, single_class: keep}"), rows, s);
  EXPECT_NEAR(keep.objective, -(2 * std::log(2) + std::log(3)) / 2, 1e-12);
  // d/ds of log(1 + 2 e^(-s / .5)) at 0: 2 / 3 each; the mean over two groups halves it.
  ExpectNear(keep.coefficients[0], {0.5, -0.5, 1.0 / 3, 1.0 / 3}, 1e-12);
}

TEST(Real, BinaryCrossEntropyForm) {
  Rows rows = MakeTestRows({{1, 1, 1}});
  SetRight(&rows, {1, 0, 0});
  const auto r = Evaluate(*MakeTestObjective("{name: real, tau: 0.5, form: bce}"), rows,
                          {{0.1, 0.3, -0.1}, Zeros(3)});
  EXPECT_NEAR(
      r.objective,
      -(std::log1p(std::exp(-0.2)) + std::log1p(std::exp(0.6)) + std::log1p(std::exp(-0.2))) / 3,
      1e-12);
  ExpectNear(r.coefficients[0], {2 * Sigma(-0.2) / 3, -2 * Sigma(0.6) / 3, -2 * Sigma(-0.2) / 3},
             1e-12);
}

// No gradient exceeds 1 / tau, however far a response has gone.
TEST(Real, BoundedGradient) {
  Rows rows = MakeTestRows({{1, 1}});
  SetRight(&rows, {1, 0});
  const auto r =
      Evaluate(*MakeTestObjective("{name: real, tau: 0.5}"), rows, {{-500, 500}, Zeros(2)});
  ExpectNear(r.coefficients[0], {2, -2}, 1e-12);
  EXPECT_TRUE(std::isfinite(r.objective));
}

// psi = [.2, -.1, 0, -.3]: a = [1/3, -1/15, 1/15, -1/3].
TEST(Pacs, HandWorked) {
  Rows rows = MakeTestRows({{1, 1, 1, 1}});
  rows.logp_old = {-1, -1, -1, -1};
  const std::vector<Doubles> s = {{-0.8, -1.1, -1, -1.3}, Zeros(4)};
  const auto objective = MakeTestObjective("{name: pacs}");
  SetRight(&rows, {1, 0, 0, 1});  // two and two: all weights 1
  const auto even = Evaluate(*objective, rows, s);
  EXPECT_NEAR(even.objective, -0.700337, 1e-6);
  // dJ/da_i = w_i (r_i - sigmoid(a_i)) / 4; a_i rises by psi_i and falls by psi_j / 3.
  const auto gradient = [&](const Doubles& g) {
    Doubles out;
    for (size_t i = 0; i < 4; ++i) {
      double others = 0;
      for (size_t j = 0; j < 4; ++j) others += j == i ? 0 : g[j];
      out.push_back(g[i] - others / 3);
    }
    return out;
  };
  const double a[] = {1.0 / 3, -1.0 / 15, 1.0 / 15, -1.0 / 3};
  ExpectNear(
      even.coefficients[0],
      gradient({(1 - Sigma(a[0])) / 4, -Sigma(a[1]) / 4, -Sigma(a[2]) / 4, (1 - Sigma(a[3])) / 4}),
      1e-12);
  SetRight(&rows, {1, 0, 0, 0});  // weights 2 and 2/3
  const auto skewed = Evaluate(*objective, rows, s);
  const double bce =
      2 * std::log1p(std::exp(-a[0])) +
      2.0 / 3 *
          (std::log1p(std::exp(a[1])) + std::log1p(std::exp(a[2])) + std::log1p(std::exp(a[3])));
  EXPECT_NEAR(skewed.objective, -bce / 4, 1e-12);
  EXPECT_NEAR(skewed.objective, -0.591438, 1e-6);
  ExpectNear(
      skewed.coefficients[0],
      gradient({2 * (1 - Sigma(a[0])) / 4, -Sigma(a[1]) / 6, -Sigma(a[2]) / 6, -Sigma(a[3]) / 6}),
      1e-12);
}

// All right: weights 1. A group of one: a = psi. A fully masked row: no part of its group.
TEST(Pacs, EdgeRules) {
  const auto objective = MakeTestObjective("{name: pacs, beta: 2}");
  Rows all = MakeTestRows({{1, 1}});
  SetRight(&all, {1, 1});
  // psi = [.2, -.4], a = [.6, -.6]
  EXPECT_NEAR(Evaluate(*objective, all, {{0.1, -0.2}, Zeros(2)}).objective,
              -(std::log1p(std::exp(-0.6)) + std::log1p(std::exp(0.6))) / 2, 1e-12);
  Rows one = MakeTestRows({{1, 2}});
  SetRight(&one, {1, 0});
  one.mask = {1, 0, 0};
  const auto r = Evaluate(*objective, one, {{0.1, 5, 900}, Zeros(3)});
  EXPECT_NEAR(r.objective, -std::log1p(std::exp(-0.2)), 1e-12);
  ExpectNear(r.coefficients[0], {2 * Sigma(-0.2), 0, 0}, 1e-12);
}

TEST(Pacs, MeanLogpScore) {
  Rows rows = MakeTestRows({{2, 1}});
  SetRight(&rows, {1, 0});
  rows.logp_old = {-9, -9, -9};
  // psi = [-.5, -2], a = [1.5, -1.5]
  const auto r = Evaluate(*MakeTestObjective("{name: pacs, score: mean_logp}"), rows,
                          {{-0.25, -0.75, -2}, Zeros(3)});
  EXPECT_NEAR(r.objective, -std::log1p(std::exp(-1.5)), 1e-12);
}

// S+ = .3, S- = .1, lambda = .5: -log sigmoid(.25) = .575939.
TEST(Cpl, HandWorked) {
  Rows rows = MakeTestRows({{2, 1}});
  SetRight(&rows, {1, 0});
  const auto r = Evaluate(*MakeTestObjective("{name: cpl, alpha: 0.1, lambda: 0.5}"), rows,
                          {{1, 2, 1}, Zeros(3)});
  EXPECT_NEAR(r.objective, -0.575939, 1e-6);
  const double g = Sigma(-0.25);
  ExpectNear(r.coefficients[0], {0.1 * g, 0.1 * g, -0.05 * g}, 1e-12);
}

// Two right and one wrong give two pairs; a group of one class none, yet it counts in the mean.
TEST(Cpl, MeanOverPairsAndGroups) {
  Rows rows = MakeTestRows({{1, 1, 1}, {1, 1}});
  SetRight(&rows, {1, 0, 1, 0, 0});
  const auto r = Evaluate(*MakeTestObjective("{name: cpl, alpha: 1, lambda: 1}"), rows,
                          {{-1, -2, -3, -1, -1}, Zeros(5)});
  EXPECT_NEAR(r.objective, -(std::log1p(std::exp(-1.0)) + std::log1p(std::exp(1.0))) / 2 / 2,
              1e-12);
  ExpectNear(r.coefficients[0], {Sigma(-1) / 4, -(Sigma(-1) + Sigma(1)) / 4, Sigma(1) / 4, 0, 0},
             1e-12);
}

// beta 1, logp+ = -4 over 4 tokens, logp- = -6 over 3: z = -1 + 2 + 1/4 - 1/3 = .916667.
TEST(PowerDl, HandWorked) {
  Rows rows = MakeTestRows({{4, 3}});
  SetRight(&rows, {1, 0});
  const std::vector<Doubles> s = {{-1, -1, -1, -1, -2, -2, -2}, Zeros(7)};
  const double z = 11.0 / 12;
  const auto hard = Evaluate(*MakeTestObjective("{name: power_dl, eta: 0, gamma: 0}"), rows, s);
  EXPECT_NEAR(hard.objective, -0.336365, 1e-6);
  const double g = Sigma(-z);
  ExpectNear(hard.coefficients[0], {g / 4, g / 4, g / 4, g / 4, -g / 3, -g / 3, -g / 3}, 1e-12);
  // The likelihood term adds eta beta (-1) to J and eta beta / 4 to the gradients.
  const auto sft = Evaluate(*MakeTestObjective("{name: power_dl, eta: 0.2, gamma: 0}"), rows, s);
  EXPECT_NEAR(sft.objective, hard.objective - 0.2, 1e-12);
  EXPECT_NEAR(sft.coefficients[0][0], g / 4 + 0.05, 1e-12);
  EXPECT_NEAR(sft.coefficients[0][4], -g / 3, 1e-12);
  // l = 1 - .5 sigmoid(-z): dJ/dz = l - sigmoid(z) = sigmoid(-z) / 2; at gamma 1 the label is
  // stationary, with no gradient.
  const auto soft = Evaluate(*MakeTestObjective("{name: power_dl, eta: 0, gamma: 0.5}"), rows, s);
  EXPECT_NEAR(soft.coefficients[0][0], g / 8, 1e-12);
  const auto still = Evaluate(*MakeTestObjective("{name: power_dl, eta: 0, gamma: 1}"), rows, s);
  ExpectNear(still.coefficients[0], Zeros(7), 1e-15);
}

// Groups of different sizes, masks and a group of one class, against finite differences; and in
// parts of whole groups the same gradients.
TEST(GroupLosses, GradientIsTheDifferenceAndSplitsByGroup) {
  Rows rows = MakeTestRows({{2, 3, 1}, {2, 2}, {1, 1, 1, 2}});
  SetRight(&rows, {1, 0, 1, 1, 1, 0, 1, 0, 0});
  rows.mask[3] = 0;
  rows.mask[10] = 0;
  rows.logp_old = RandomDoubles(15, 5);
  Doubles logp = RandomDoubles(15, 6);
  for (const char* yaml :
       {"{name: real}", "{name: real, form: bce}", "{name: real, single_class: keep}",
        "{name: pacs}", "{name: pacs, score: mean_logp, balance: false}", "{name: cpl}",
        "{name: power_dl, eta: 0.1, gamma: 0}"}) {
    const auto objective = MakeTestObjective(yaml);
    const std::vector<Doubles> s = {logp, Zeros(15)};
    ExpectGradient(*objective, rows, s, 1e-7, yaml);
    EXPECT_TRUE(objective->separable()) << yaml;
    const auto whole = Evaluate(*objective, rows, s);
    const Totals totals = CountTotals(rows);
    const int64_t middle = rows.begin[rows.group_begin[1]];
    double sum = 0;
    for (int part = 0; part < 2; ++part) {
      const Rows some = Part(rows, part, part == 0 ? 1 : 3);
      const auto from = logp.begin() + (part == 0 ? 0 : middle);
      const Doubles piece(from, from + some.num_tokens());
      const auto r = objective->Evaluate(some, totals, {piece, Zeros(piece.size())}, RandomKey(0));
      sum += r.objective;
      const auto want = whole.coefficients[0].begin() + (part == 0 ? 0 : middle);
      ExpectNear(r.coefficients[0], Doubles(want, want + some.num_tokens()), 1e-14);
    }
    EXPECT_NEAR(sum, whole.objective, 1e-13) << yaml;
  }
}

}  // namespace
}  // namespace rlvr
