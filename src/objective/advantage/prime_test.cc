#include "objective/advantage/prime.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two responses: process rewards .2, -.1 (mean .05) and .3, .1, -.2 (mean .2 / 3), outcomes 1, 0.
Rows TwoResponses() {
  Rows r = MakeTestRows({{2, 3}});
  r.token_reward = {0.2, -0.1, 0.3, 0.1, -0.2};
  r.reward = {1, 0};
  return r;
}

Doubles Adv(Rows r, const Prime& prime) {
  std::vector<MetricTerm> metrics;
  prime(&r, {.metrics = &metrics});
  return r.adv;
}

Prime Plain() {
  Prime p;
  p.baseline = "paper";
  p.norm = "none";
  p.whiten = false;
  return p;
}

// First response, baseline .2 / 3: .1333333, -.1666667; sums from the end -.1666667, -.0333333;
// outcome 1 - 0. Second, baseline .05: .25, .05, -.25; sums -.25, -.2, .05; outcome 0 - 1.
TEST(Prime, PaperByHand) {
  ExpectNear(Adv(TwoResponses(), Plain()), {0.9666666667, 0.8333333333, -0.95, -1.2, -1.25}, 1e-9);
}

// r 2/1 - (.05 + .2 / 3) / 1: .2833333, -.3166667 and .4833333, .0833333, -.5166667; their sums
// from the end, and outcomes as above.
TEST(Prime, CodeBaselineByHand) {
  Prime p = Plain();
  p.baseline = "code";
  ExpectNear(Adv(TwoResponses(), p),
             {0.9666666667, 0.6833333333, -0.95, -1.4333333333, -1.5166666667}, 1e-9);
}

// gamma .5: .1333333 - .5 * .1666667 = .05; and -.25, .05 - .125 = -.075, .25 - .0375 = .2125.
// Weights 2 and 3.
TEST(Prime, DiscountAndWeightsByHand) {
  Prime p = Plain();
  p.gamma = 0.5;
  ExpectNear(Adv(TwoResponses(), p), {1.05, 0.8333333333, -0.7875, -1.075, -1.25}, 1e-9);
  p.process_weight = 2;
  p.outcome_weight = 3;
  ExpectNear(Adv(TwoResponses(), p), {3.1, 2.6666666667, -2.575, -3.15, -3.5}, 1e-9);
}

// Sums from the end: .1, -.1 and .2, -.1, -.2: the largest is .2, so process parts are those of
// PaperByHand / .200001. Scaling all process rewards (beta) changes next to nothing.
TEST(Prime, BatchNormByHand) {
  Prime p = Plain();
  p.norm = "batch_norm";
  const Doubles want = {1 - 0.0333333333 / 0.200001, 1 - 0.1666666667 / 0.200001,
                        -1 + 0.05 / 0.200001, -1 - 0.2 / 0.200001, -1 - 0.25 / 0.200001};
  ExpectNear(Adv(TwoResponses(), p), want, 1e-8);
  Rows scaled = TwoResponses();
  for (double& r : scaled.token_reward) r *= 20;
  ExpectNear(Adv(scaled, p), want, 2e-5);
  // Nothing to divide by: process rewards of 0 leave the outcome.
  Rows zero = TwoResponses();
  zero.token_reward.assign(5, 0);
  ExpectNear(Adv(zero, p), {1, 1, -1, -1, -1}, 1e-12);
}

// The last tokens' rewards are 0: .2, 0 (mean .1) and .3, .1, 0 (mean .4 / 3). First: .2 - .4 / 3 =
// .0666667, -.1333333. Second: .2, 0, -.1.
TEST(Prime, WithoutTheLastTokenByHand) {
  Prime p = Plain();
  p.last_token = false;
  ExpectNear(Adv(TwoResponses(), p), {0.9333333333, 0.8666666667, -0.9, -1.1, -1.1}, 1e-9);
}

// Three responses of a token: .3 - (0 - .3) / 2 = .45 and 1 - 1/2; 0 and 1/2; -.3 - .15 and 0 - 1.
// With one token a response both baselines agree. Beside it a group of one: no baseline.
TEST(Prime, ThreeResponsesAndAGroupOfOne) {
  Rows rows = MakeTestRows({{1, 1, 1}, {2}});
  rows.token_reward = {0.3, 0, -0.3, 0.1, 0.2};
  rows.reward = {1, 1, 0, 1};
  for (const char* baseline : {"paper", "code"}) {
    Prime p = Plain();
    p.baseline = baseline;
    ExpectNear(Adv(rows, p), {0.95, 0.5, -1.45, 1.3, 1.2}, 1e-12);
  }
}

// Mean of PaperByHand's -.32, deviations 1.2866667, 1.1533333, -.63, -.88, -.93; squares sum to
// 1.6555111 + 1.3301778 + .3969 + .7744 + .8649 = 5.0218889; variance with divisor 4 is 1.2554722,
// its root 1.1204786.
TEST(Prime, WhitenedByHand) {
  Prime p = Plain();
  p.whiten = true;
  ExpectNear(Adv(TwoResponses(), p), {1.14832, 1.02932, -0.56226, -0.78538, -0.83000}, 1e-5);
  EXPECT_TRUE(p.needs().process_reward);
}

}  // namespace
}  // namespace rlvr
