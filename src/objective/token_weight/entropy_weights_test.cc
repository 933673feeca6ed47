// Token weights and masks that read entropies, covariances and verdicts. At ratio 1 a coefficient
// of logp is w_t A_t over the denominator.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

std::unique_ptr<Objective> Weighted(const std::string& weight,
                                    const std::string& loss = "{name: ppo_clip}",
                                    const std::string& regularizer = "[]") {
  return MakeTestObjective(loss, regularizer, "[" + weight + "]");
}

Doubles Logs(Doubles p) {
  for (double& x : p) x = std::log(x);
  return p;
}

// (p, H) = (.9, .4), (.1, 2), (.5, .7): S = .265176, -.030259, .003426, mean .079448, sigma
// .132047; mu .5: z = .185728, -.109706, -.076021 against -.066024.
TEST(ClipB, HandWorked) {
  Rows rows = OneRow({-1, -1, -1});
  rows.logp_old = Logs({0.9, 0.1, 0.5});
  rows.entropy_old = {0.4, 2, 0.7};
  const std::vector<Doubles> s = {rows.logp_old, rows.entropy_old};
  const auto r = Evaluate(*Weighted("{name: clip_b, mu: 0.5}"), rows, s);
  ExpectNear(r.coefficients[0], {-1, 0, 0}, 1e-15);  // one token in the denominator
  EXPECT_NEAR(MetricOf(r, "token_weight/entropy_lowering"), 2.0 / 3, 1e-15);
  // mu .7: the bound is -.092433, between the two.
  ExpectNear(Evaluate(*Weighted("{name: clip_b, mu: 0.7}"), rows, s).coefficients[0],
             {-0.5, 0, -0.5}, 1e-15);
  rows.adv = {-1, 2, 0};  // what is pulled up, or not moved, stays
  ExpectNear(Evaluate(*Weighted("{name: clip_b, mu: 0.5}"), rows, s).coefficients[0],
             {-1 / 3.0, 2 / 3.0, 0}, 1e-15);
  rows.adv = {-1, -1, -1};  // masked tokens are in no mean: S = -.030259, .003426, sigma .016842
  rows.mask = {0, 1, 1};
  ExpectNear(Evaluate(*Weighted("{name: clip_b, mu: 0.5}"), rows, s).coefficients[0], {0, 0, -1},
             1e-15);
}

TEST(ClipB, EqualTokensStay) {  // sigma 0
  Rows rows = OneRow({-1, -1});
  rows.logp_old = Logs({0.3, 0.3});
  rows.entropy_old = {1, 1};
  const auto r =
      Evaluate(*Weighted("{name: clip_b, mu: 0}"), rows, {rows.logp_old, rows.entropy_old});
  ExpectNear(r.coefficients[0], {-0.5, -0.5}, 1e-15);
}

// Distributions over two tokens. (.9, .1): H = .325083, E S = .81 (H + log .9) + .01 (H + log .1)
// = .158200. Sampled .1: S = -.197750, z = -.355950; sampled .9: S = .197750, z = .039550.
// (.5, .5): S = E S = 0. (.8, .2): H = .500402, E S = .133084, sampled .2: S = -.221807,
// z = -.354891. First three tokens: mean z -.105467, sigma .177853.
TEST(ClipV, HandWorked) {
  Rows rows = OneRow({-1, -1, -1});
  rows.logp_old = Logs({0.1, 0.9, 0.5});
  rows.entropy_old = {0.3250829734, 0.3250829734, 0.6931471806};
  rows.behaviour["sum_p2"] = {0.82, 0.82, 0.5};
  rows.behaviour["sum_p2_logp"] = {-0.1083678769, -0.1083678769, -0.3465735903};
  const std::vector<Doubles> s = {rows.logp_old, rows.entropy_old};
  ExpectNear(Evaluate(*Weighted("{name: clip_v, mu: 2.0, max_share: 1}"), rows, s).coefficients[0],
             {0, -0.5, -0.5}, 1e-15);  // -.355950 < -.355706
  ExpectNear(Evaluate(*Weighted("{name: clip_v, mu: 2.01, max_share: 1}"), rows, s).coefficients[0],
             Doubles(3, -1 / 3.0), 1e-15);  // -.357485
  rows.adv[0] = 1;
  ExpectNear(Evaluate(*Weighted("{name: clip_v, mu: 2.0, max_share: 1}"), rows, s).coefficients[0],
             {1 / 3.0, -1 / 3.0, -1 / 3.0}, 1e-15);
}

TEST(ClipV, CapKeepsTheDeepest) {
  Rows rows = OneRow({-1, -1, -1, -1});
  rows.logp_old = Logs({0.2, 0.1, 0.9, 0.5});
  rows.entropy_old = {0.5004024235, 0.3250829734, 0.3250829734, 0.6931471806};
  rows.behaviour["sum_p2"] = {0.68, 0.82, 0.82, 0.5};
  rows.behaviour["sum_p2_logp"] = {-0.2071894, -0.1083678769, -0.1083678769, -0.3465735903};
  const std::vector<Doubles> s = {rows.logp_old, rows.entropy_old};
  for (const auto& [share, want] : {std::pair<std::string, Doubles>{"0.5", {0, 0, -0.5, -0.5}},
                                    {"0.49", {-1 / 3.0, 0, -1 / 3.0, -1 / 3.0}},
                                    {"0.0001", {-1 / 3.0, 0, -1 / 3.0, -1 / 3.0}}}) {
    const auto r =
        Evaluate(*Weighted("{name: clip_v, mu: 1.0, max_share: " + share + "}"), rows, s);
    ExpectNear(r.coefficients[0], want, 1e-15);
  }
}

// A = 1, 1, -1, -1, logp = -.1, -2, -.2, -3, means 0 and -1.325: cov = 1.225, -.675, -1.125, 1.675.
Rows FourTokens() {
  Rows rows = OneRow({1, 1, -1, -1});
  rows.logp_old = {-0.1, -2, -0.2, -3};
  return rows;
}

TEST(ClipCov, HandWorked) {
  const Rows rows = FourTokens();
  const std::vector<Doubles> s = {rows.logp_old, Doubles(4)};
  // floor(.5 * 4) = 2 of the 2 candidates; the denominator stays 4.
  const auto both = Evaluate(*Weighted("{name: clip_cov, ratio: 0.5}"), rows, s);
  ExpectNear(both.coefficients[0], {0, 0.25, -0.25, 0}, 1e-15);
  EXPECT_NEAR(MetricOf(both, "token_weight/clip_cov"), 0.5, 1e-15);
  EXPECT_NEAR(MetricOf(both, "token_weight/clip_cov_candidates"), 0.5, 1e-15);
  // The upper bound takes token 3 out, the lower token 0.
  ExpectNear(Evaluate(*Weighted("{name: clip_cov, ratio: 0.5, ub: 1.5}"), rows, s).coefficients[0],
             {0, 0.25, -0.25, -0.25}, 1e-15);
  ExpectNear(Evaluate(*Weighted("{name: clip_cov, ratio: 0.5, lb: 1.5}"), rows, s).coefficients[0],
             {0.25, 0.25, -0.25, 0}, 1e-15);
  // No candidate: nothing happens.
  ExpectNear(Evaluate(*Weighted("{name: clip_cov, ratio: 0.5, lb: 2}"), rows, s).coefficients[0],
             {0.25, 0.25, -0.25, -0.25}, 1e-15);
}

// At least one of the candidates, either of them by the key.
TEST(ClipCov, ChoosesAtRandom) {
  const Rows rows = FourTokens();
  const auto objective = Weighted("{name: clip_cov}");
  std::set<Doubles> seen;
  for (uint64_t key = 0; key < 20; ++key)
    seen.insert(Evaluate(*objective, rows, {rows.logp_old, Doubles(4)}, key).coefficients[0]);
  EXPECT_EQ(seen, (std::set<Doubles>{{0, 0.25, -0.25, -0.25}, {0.25, 0.25, -0.25, 0}}));
}

// Ratio 1.5 with A > 0 is clipped by 1 + .2 already, and with eps_high 1 it is not.
TEST(ClipCov, ClippedTokensAreNoCandidates) {
  Rows rows = FourTokens();
  const Doubles logp = rows.logp_old;
  rows.logp_old[0] -= std::log(1.5);
  const auto candidates = [&](const std::string& eps_high) {
    return MetricOf(Evaluate(*Weighted("{name: clip_cov, eps_high: " + eps_high + "}"), rows,
                             {logp, Doubles(4)}),
                    "token_weight/clip_cov_candidates");
  };
  EXPECT_NEAR(candidates("1"), 0.5, 1e-15);
  EXPECT_NEAR(candidates("0.2"), 0.25, 1e-15);
}

TEST(ClipCov, OrderOfTheBatchIsFree) {
  Rows rows = MakeTestRows({{2}, {2}}), other = rows;
  rows.adv = {1, 1, -1, -1};
  rows.logp_old = {-0.1, -2, -0.2, -3};
  other.prompt = {11, 10};
  other.adv = {-1, -1, 1, 1};
  other.logp_old = {-0.2, -3, -0.1, -2};
  const auto objective = Weighted("{name: clip_cov}");
  for (uint64_t key = 0; key < 8; ++key) {
    const auto a = Evaluate(*objective, rows, {rows.logp_old, Doubles(4)}, key).coefficients[0];
    const auto b = Evaluate(*objective, other, {other.logp_old, Doubles(4)}, key).coefficients[0];
    EXPECT_EQ(a, (Doubles{b[2], b[3], b[0], b[1]})) << key;
  }
}

// alpha .4, kappa 2: A = 1, H = .5: 1 + min(.2, .5); A = -1, H = 2: -1 + min(.8, .5); A = 0: 0.
TEST(EntropyAdvantage, HandWorked) {
  const auto r = Evaluate(*Weighted("{name: entropy_advantage}"), OneRow({1, -1, 0, 2}),
                          {Doubles(4), {0.5, 2, 3, 0}});
  ExpectNear(r.coefficients[0], {0.3, -0.125, 0, 0.5}, 1e-15);
  ExpectNear(r.coefficients[1], Doubles(4), 0);
  EXPECT_NEAR(MetricOf(r, "token_weight/entropy_advantage"), 0.7 / 4, 1e-15);
}

// Quantile .6 of .1 .2 .3 .7 .9 is .46: tokens 1 and 3. Denominator 5; a regularizer sees all.
TEST(EntropyGate, HandWorked) {
  Rows rows = OneRow(Doubles(5, 1));
  rows.logp_ref = Doubles(5, -0.5);
  const Doubles H = {0.1, 0.9, 0.3, 0.7, 0.2};
  const auto r = Evaluate(*Weighted("{name: entropy_gate, q: 0.6}"), rows, {Doubles(5), H});
  ExpectNear(r.coefficients[0], {0, 0.2, 0, 0.2, 0}, 1e-15);
  EXPECT_NEAR(MetricOf(r, "token_weight/entropy_gate"), 0.4, 1e-15);
  const auto kl = Evaluate(*Weighted("{name: entropy_gate, q: 0.6}", "{name: ppo_clip}",
                                     "[{name: kl, kind: k1, beta: 0.5}]"),
                           rows, {Doubles(5), H});
  ExpectNear(kl.coefficients[0], {-0.1, 0.1, -0.1, 0.1, -0.1}, 1e-15);
  // A threshold for each response: the highest of each, though the second's are all lower.
  Rows two = MakeTestRows({{2, 2}});
  two.adv = {1, 1, 1, 1};
  ExpectNear(Evaluate(*Weighted("{name: entropy_gate}"), two, {Doubles(4), {0.8, 0.9, 0.2, 0.1}})
                 .coefficients[0],
             {0, 0.25, 0.25, 0}, 1e-15);
}

// log H about its median -.916291, over its root mean square .980258: h = -1.414214, -.707107, 0,
// .707107, 1.414214; hhat = -1, -.5, 0, .5, 1 as intended, 1, .5, 0, .5, 1 as released.
const Doubles kHapoEntropies = {0.1, 0.2, 0.4, 0.8, 1.6};

TEST(Hapo, HandWorkedAsIntended) {
  // token  hhat  bounds       neutral        ratio  A              J
  //   0     -1   .6 .. 1.2    .8 .. 1.1      1.15   1 (outside)    1.15
  //   1    -.5   .7 .. 1.2    .85 .. 1.1     1      .5 (inside)    .5
  //   2      0   .8 .. 1.2    .9 .. 1.1      1      1              1
  //   3     .5   .8 .. 1.3    .9 .. 1.15     1.25   1.5 (outside)  1.875
  //   4      1   .8 .. 1.4    .9 .. 1.2      1.5    2 (outside)    min(3, 2.8)
  const auto objective =
      Weighted("{name: hapo, q: 0.5, negative: intended}", "{name: ppo_clip, eps: 0.2}");
  const auto r =
      Evaluate(*objective, OneRow(Doubles(5, 1)), {Logs({1.15, 1, 1, 1.25, 1.5}), kHapoEntropies});
  EXPECT_NEAR(r.objective, 7.325 / 5, 1e-12);
  ExpectNear(r.coefficients[0], {1.15 / 5, 0.1, 0.2, 1.875 / 5, 0}, 1e-12);
  ExpectNear(r.coefficients[1], Doubles(5), 0);
  // Pushed down at ratio .65, token 0 is above its own floor .6: J = -.65 with its gradient.
  const auto down =
      Evaluate(*objective, OneRow({-1, 0, 0, 0, 0}), {Logs({0.65, 1, 1, 1, 1}), kHapoEntropies});
  EXPECT_NEAR(down.objective, -0.65 / 5, 1e-12);
  ExpectNear(down.coefficients[0], {-0.65 / 5, 0, 0, 0, 0}, 1e-12);
}

TEST(Hapo, HandWorkedAsReleased) {
  // Tokens 0 and 1 now have hhat 1 and .5: neutral .9 .. 1.2 and .9 .. 1.15, inside of which A stays.
  const auto objective = Weighted("{name: hapo, q: 0.5}", "{name: ppo_clip, eps: 0.2}");
  const auto r =
      Evaluate(*objective, OneRow(Doubles(5, 1)), {Logs({1.15, 1, 1, 1.25, 1.5}), kHapoEntropies});
  EXPECT_NEAR(r.objective, (1.15 + 1 + 1 + 1.875 + 2.8) / 5, 1e-12);
  // Ratio .65 is outside, A = -2, the floor .8 holds: J = min(-1.3, -1.6), no gradient.
  const auto down =
      Evaluate(*objective, OneRow({-1, 0, 0, 0, 0}), {Logs({0.65, 1, 1, 1, 1}), kHapoEntropies});
  EXPECT_NEAR(down.objective, -1.6 / 5, 1e-12);
  ExpectNear(down.coefficients[0], Doubles(5), 0);
}

TEST(Hapo, WithoutEitherPartIsTheClip) {
  const Rows rows = ThreeRows();
  Doubles logp = rows.logp_old;
  for (size_t t = 0; t < 9; ++t) logp[t] += 0.1 * static_cast<double>(t) - 0.4;
  Doubles H = RandomDoubles(9, 8);
  for (double& x : H) x = std::abs(x);
  const auto a = Evaluate(*Weighted("{name: hapo, alpha: 0, beta: 0}", "{name: ppo_clip}"), rows,
                          {logp, H}),
             b = Evaluate(*MakeTestObjective("{name: ppo_clip}"), rows, {logp, H});
  EXPECT_NEAR(a.objective, b.objective, 1e-15);
  ExpectNear(a.coefficients[0], b.coefficients[0], 1e-15);
}

// A group with both verdicts and one without a right response, whose advantages are 0.
TEST(SignWeight, HandWorked) {
  Rows rows = RewardRows({{1, -1}, {-1, -1}});
  rows.adv = {0.5, -0.5, 0, 0};
  const std::vector<Doubles> s = {Doubles(4), Doubles(4)};
  ExpectNear(Evaluate(*Weighted("{name: sign_weight}"), rows, s).coefficients[0],
             {0.025, -0.25, -0.25, -0.25}, 1e-15);
  ExpectNear(Evaluate(*Weighted("{name: sign_weight, positive: 0}"), rows, s).coefficients[0],
             {0, -0.25, -0.25, -0.25}, 1e-15);  // NSR
  ExpectNear(Evaluate(*Weighted("{name: sign_weight, sign: advantage}"), rows, s).coefficients[0],
             {0.0125, -0.125, 0, 0}, 1e-15);
}

// (p, H, p_old) = (.9, .4, .85), (.1, 2, .12), A = 1: Omega = .0311971, .2269388; k = .983276;
// w = .969790, .8. Ratios 1.058824, .833333.
TEST(Steer, HandWorked) {
  Rows rows = OneRow({1, 1});
  rows.logp_old = Logs({0.85, 0.12});
  const std::vector<Doubles> s = {Logs({0.9, 0.1}), {0.4, 2}};
  const Doubles r = {0.9 / 0.85, 0.1 / 0.12};
  const auto exponential = Evaluate(*Weighted("{name: steer}"), rows, s);
  ExpectNear(exponential.coefficients[0], {0.969790327 * r[0] / 2, 0.8 * r[1] / 2}, 1e-9);
  ExpectNear(exponential.coefficients[1], {0, 0}, 0);  // no gradient through w
  EXPECT_NEAR(MetricOf(exponential, "token_weight/steer"), 0.884895163, 1e-9);
  const auto linear = Evaluate(*Weighted("{name: steer, map: linear}"), rows, s);
  ExpectNear(linear.coefficients[0], {1.2 * r[0] / 2, 0.8 * r[1] / 2}, 1e-12);
}

// Omega 0 everywhere (A = 0, or p = .5 with H = log 2): the largest weight, and the middle of the
// linear map. Omega far below .02 stays near 1.
TEST(Steer, SmallChanges) {
  Rows rows = OneRow({1, 1});
  rows.logp_old = Logs({0.5, 0.5});
  const std::vector<Doubles> flat = {rows.logp_old, Doubles(2, std::log(2))};
  ExpectNear(Evaluate(*Weighted("{name: steer}"), rows, flat).coefficients[0], {0.5, 0.5}, 1e-15);
  ExpectNear(
      Evaluate(*Weighted("{name: steer, map: linear, w_max: 1.0}"), rows, flat).coefficients[0],
      {0.45, 0.45}, 1e-15);
  // H = log 2 + .004: Omega = .5 * .004 = .002, w = .8 ^ (.002 / .02) = .977933.
  ExpectNear(
      Evaluate(*Weighted("{name: steer}"), rows, {rows.logp_old, Doubles(2, std::log(2) + 0.004)})
          .coefficients[0],
      Doubles(2, 0.977933 / 2), 1e-6);
}

}  // namespace
}  // namespace rlvr
