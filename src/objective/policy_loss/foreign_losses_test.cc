// Losses on rows that another policy made: luffy, rl_plus, calib_rl, truncated_is. Expected numbers
// are worked by hand from the papers' formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

Doubles Zeros(size_t n) { return Doubles(n, 0.0); }

// Row 0 sampled, row 1 foreign; one token each.
Rows SampledAndForeign(double a, double b) {
  Rows r = MakeTestRows({{1, 1}});
  r.foreign = {0, 1};
  r.adv = {a, b};
  return r;
}

// f(.5) = .5 / .6 = .833333; df / dlogp = gamma p / (p + gamma)^2 = .05 / .36 = .138889.
TEST(Luffy, ShapesForeignTokens) {
  Rows rows = SampledAndForeign(-1, 2);
  rows.logp_old = {-1, 7};  // a foreign row's is not read
  const auto objective =
      MakeTestObjective("{name: luffy, aggregate: token_sum_norm, constant: 10}");
  // Sampled: r = exp(.5), unclipped whatever its size. Sums over S * 10 = 20.
  const auto r = Evaluate(*objective, rows, {{-0.5, std::log(0.5)}, Zeros(2)});
  EXPECT_NEAR(r.objective, (-std::exp(0.5) + 2 * 0.5 / 0.6) / 20, 1e-14);
  ExpectNear(r.coefficients[0], {-std::exp(0.5) / 20, 2 * 0.05 / 0.36 / 20}, 1e-14);
  // p = .05: f = .333333, so an unlikely token keeps more weight than p itself.
  const auto rare = Evaluate(*objective, SampledAndForeign(0, 1), {{0, std::log(0.05)}, Zeros(2)});
  EXPECT_NEAR(rare.objective, 1.0 / 3 / 20, 1e-14);
  ExpectGradient(*objective, rows, {{-0.5, -2.5}, Zeros(2)});
}

TEST(Luffy, ClipsSampledRowsWhereAsked) {
  Rows rows = SampledAndForeign(1, 1);
  const auto r = Evaluate(*MakeTestObjective("{name: luffy, eps_low: 0.2, eps_high: 0.2}"), rows,
                          {{std::log(1.5), std::log(0.9)}, Zeros(2)});
  EXPECT_NEAR(r.objective, (1.2 + 0.9) / 2, 1e-14);  // f(.9) = .9 / 1 = .9
  ExpectNear(r.coefficients[0], {0, 0.1 * 0.9 / 2}, 1e-14);
}

// p = .5, p_old = .4: omega .7, ratio 1 / 1.1 = .909091, factor sqrt(.5): J = .642824 for A = 1.
TEST(RlPlus, HandWorked) {
  Rows rows = SampledAndForeign(0, 1);
  rows.behaviour["logp"] = {0, std::log(0.4)};
  const auto objective = MakeTestObjective("{name: rl_plus, aggregate: seq_mean_token_sum}");
  const auto r = Evaluate(*objective, rows, {{0, std::log(0.5)}, Zeros(2)});
  EXPECT_NEAR(r.objective, 0.642824 / 2, 1e-6);
  // The exploration factor has no gradient: dJ / dlogp = J.
  ExpectNear(r.coefficients[0], {0, std::sqrt(0.5) / 1.1 / 2}, 1e-14);
  // Sampled rows: r A, unclipped.
  Rows sampled = SampledAndForeign(-2, 0);
  sampled.behaviour["logp"] = {0, 0};
  ExpectNear(Evaluate(*objective, sampled, {{std::log(5.0), 0}, Zeros(2)}).coefficients[0],
             {-2 * 5.0 / 2, 0}, 1e-12);
  // A certain token (p = 1) is nothing to explore.
  EXPECT_EQ(Evaluate(*objective, rows, {{0, 0}, Zeros(2)}).objective, 0);
}

TEST(RlPlus, AsksForThePolicyBeforeTheUpdates) {
  const Needs needs = MakeTestObjective("{name: rl_plus}")->needs();
  ASSERT_EQ(needs.behaviour.size(), 1u);
  EXPECT_EQ(ToString(needs.behaviour[0]), "logp");
}

// The expert's first token has log-prob -2 and it has one token; sampled rows have two. On policy,
// so the surrogate is A and its gradient A. |A| = .5, lambda = .1, slope .5.
Rows Calibrated(bool right) {
  Rows r = MakeTestRows({{2, 1}});
  r.foreign = {0, 1};
  r.verdict[0] = right ? Verdict::kRight : Verdict::kWrong;
  const double a = right ? 0.5 : -0.5;
  r.adv = {a, a, 3};
  r.logp_old = {-1, -1, 0};
  r.behaviour["logp"] = {-1, -1, -2};
  return r;
}

TEST(CalibRl, HandWorked) {
  const std::vector<Doubles> s = {{-1, -1, -1.5}, Zeros(3)};
  const auto zero = MakeTestObjective("{name: calib_rl, aggregate: seq_mean_token_sum}");
  const auto none =
      MakeTestObjective("{name: calib_rl, beyond_expert: none, aggregate: seq_mean_token_sum}");
  // Right. Token 0: u = -(-1 + 2) = -1, term .5 * -.5 = -.25. Token 1, expert 0: u = 1, term .5.
  const auto right = Evaluate(*zero, Calibrated(true), s);
  EXPECT_NEAR(right.objective, (0.5 + 0.5 - 0.1 * (-0.25 + 0.5)) / 2, 1e-14);
  // du / dlogp = -1: token 0 gains .1 * .5 * .5, token 1 .1 * .5.
  ExpectNear(right.coefficients[0], {(0.5 + 0.025) / 2, (0.5 + 0.05) / 2, 0}, 1e-14);
  const auto right_none = Evaluate(*none, Calibrated(true), s);
  EXPECT_NEAR(right_none.objective, (0.5 + 0.5 + 0.025) / 2, 1e-14);
  ExpectNear(right_none.coefficients[0], {(0.5 + 0.025) / 2, 0.25, 0}, 1e-14);
  // Wrong. Token 0: u = +1, term .5. Token 1: u = -1, term -.25.
  const auto wrong = Evaluate(*zero, Calibrated(false), s);
  EXPECT_NEAR(wrong.objective, (-0.5 - 0.5 - 0.1 * (0.5 - 0.25)) / 2, 1e-14);
  ExpectNear(wrong.coefficients[0], {(-0.5 - 0.05) / 2, (-0.5 - 0.025) / 2, 0}, 1e-14);
}

TEST(CalibRl, GroupsKeepTheirOwnExpert) {
  Rows rows = MakeTestRows({{1, 1}, {1, 1}, {1}});
  rows.foreign = {1, 0, 0, 1, 0};
  rows.verdict.assign(5, Verdict::kRight);
  rows.adv = {1, 1, 1, 1, 1};
  rows.logp_old = {0, -1, -1, 0, -1};
  rows.behaviour["logp"] = {-3, -1, -1, -0.5, -1};
  // u = -(-1 + 3) = -2 -> -1;  u = -(-1 + .5) = .5;  without an expert: u = 1.
  const auto objective = MakeTestObjective("{name: calib_rl, aggregate: seq_mean_token_sum}");
  const auto r = Evaluate(*objective, rows, {{-1, -1, -1, -1, -1}, Zeros(5)});
  EXPECT_NEAR(r.objective, (3 - 0.1 * (-1 + 0.5 + 1)) / 5, 1e-14);
  ExpectGradient(*objective, rows, {{-1.1, -1.05, -0.95, -1.2, -0.9}, Zeros(5)});
}

// d = [1, -.5, 0]: token weights [2, .60653, 1]; of the sequence min(e^.5, 2) = 1.64872.
TEST(TruncatedIs, HandWorked) {
  Rows rows = OneRow({1, 1, 1});
  rows.logp_old = {-2, -1.5, -1};
  rows.behaviour["logp"] = {-1, -2, -1};
  const std::vector<Doubles> s = {{-1, -2, -1}, Zeros(3)};  // no update yet: r = 1
  const auto token = Evaluate(*MakeTestObjective("{name: truncated_is}"), rows, s);
  ExpectNear(token.coefficients[0], {2.0 / 3, std::exp(-0.5) / 3, 1.0 / 3}, 1e-14);
  EXPECT_NEAR(token.objective, (3 + std::exp(-0.5)) / 3, 1e-14);
  EXPECT_NEAR(MetricOf(token, "actor/is_truncated"), 1.0 / 3, 1e-15);
  const auto sequence =
      Evaluate(*MakeTestObjective("{name: truncated_is, level: sequence}"), rows, s);
  ExpectNear(sequence.coefficients[0], Doubles(3, std::exp(0.5) / 3), 1e-14);
  EXPECT_NEAR(MetricOf(sequence, "actor/is_weight"), 1.64872, 1e-5);
}

// The clip is around the policy at the start of the step, not around the one that sampled.
TEST(TruncatedIs, ClipsAroundTheProximalPolicy) {
  Rows rows = OneRow({1, 1});
  rows.logp_old = {-3, -3};
  rows.behaviour["logp"] = {-1, -1};
  // r = 1.25 inside 1.28, r = 1.5 cut; w = min(e^2, 2) = 2.
  const auto r = Evaluate(*MakeTestObjective("{name: truncated_is}"), rows,
                          {{-1 + std::log(1.25), -1 + std::log(1.5)}, Zeros(2)});
  EXPECT_NEAR(r.objective, 2 * (1.25 + 1.28) / 2, 1e-14);
  ExpectNear(r.coefficients[0], {2 * 1.25 / 2, 0}, 1e-14);
}

// Rows of this policy: w = 1, so it is decoupled_clip, bit for bit.
TEST(TruncatedIs, DoesNothingOnRowsOfThisPolicy) {
  Rows rows = OneRow({1, -0.5, 2, -1});
  rows.logp_old = RandomDoubles(4, 1);
  rows.behaviour["logp"] = rows.logp_old;
  Doubles logp = rows.logp_old;
  const Doubles step = RandomDoubles(4, 2);
  for (size_t t = 0; t < 4; ++t) logp[t] += 0.3 * step[t];
  for (const char* level : {"token", "sequence"}) {
    const auto a =
        Evaluate(*MakeTestObjective(std::string("{name: truncated_is, level: ") + level + "}"),
                 rows, {logp, Zeros(4)});
    const auto b = Evaluate(*MakeTestObjective("{name: decoupled_clip}"), rows, {logp, Zeros(4)});
    EXPECT_EQ(a.objective, b.objective);
    ExpectNear(a.coefficients[0], b.coefficients[0], 0);
  }
}

// Tokens out of the mask are out of a sequence's weight.
TEST(TruncatedIs, MaskedTokensHaveNoWeight) {
  Rows rows = OneRow({1, 1});
  rows.mask = {1, 0};
  rows.logp_old = {-1, -9};
  rows.behaviour["logp"] = {-1.5, -1};
  const auto r = Evaluate(*MakeTestObjective("{name: truncated_is, level: sequence}"), rows,
                          {{-1.5, -1}, Zeros(2)});
  EXPECT_NEAR(r.objective, std::exp(-0.5), 1e-14);
}

}  // namespace
}  // namespace rlvr
