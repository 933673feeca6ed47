#include "objective/advantage/gae.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

Rows ThreeTokens() {
  Rows r = MakeTestRows({{3}});
  r.reward = {1};
  r.value = {0.5, 0.6, 0.7};
  return r;
}

Rows Estimate(Rows r, const Gae& gae) {
  std::vector<MetricTerm> metrics;
  gae(&r, {.metrics = &metrics});
  return r;
}

// V = (.5, .6, .7), reward 1 at the end, gamma 1, lambda .95:
//   delta_3 = 1 - .7 = .3                    A_3 = .3
//   delta_2 = .7 - .6 = .1                   A_2 = .1 + .95 * .3 = .385
//   delta_1 = .6 - .5 = .1                   A_1 = .1 + .95 * .385 = .46575
// targets A + V: .96575, .985, 1.
TEST(Gae, ByHand) {
  const Rows r = Estimate(ThreeTokens(), {.gamma = 1, .lambda = 0.95, .whiten = false});
  ExpectNear(r.adv, {0.46575, 0.385, 0.3}, 1e-12);
  ExpectNear(r.value_target, {0.96575, 0.985, 1}, 1e-12);
}

// Mean .38358333, deviations .08216667, .00141667, -.08358333; variance with divisor 2:
// (.00675136 + .00000201 + .00698617) / 2 = .00686977, its root .08288408.
TEST(Gae, WhitenedByHand) {
  const Rows r = Estimate(ThreeTokens(), {.gamma = 1, .lambda = 0.95, .whiten = true});
  ExpectNear(r.adv, {0.99134, 0.01709, -1.00844}, 1e-5);
  ExpectNear(r.value_target, {0.96575, 0.985, 1}, 1e-12);  // as they were before whitening
}

// gamma .9, lambda .5, a token reward of .2 at the first token:
//   A_3 = 1 - .7 = .3;  A_2 = .9 * .7 - .6 + .45 * .3 = .03 + .135 = .165
//   A_1 = .2 + .9 * .6 - .5 + .45 * .165 = .24 + .07425 = .31425
TEST(Gae, DiscountAndTokenRewardByHand) {
  Rows rows = ThreeTokens();
  rows.token_reward[0] = 0.2;
  const Rows r = Estimate(rows, {.gamma = 0.9, .lambda = 0.5, .whiten = false});
  ExpectNear(r.adv, {0.31425, 0.165, 0.3}, 1e-12);
}

// gamma = lambda = 1: A_t is the return minus V_t, whatever the values after t; rows apart.
TEST(Gae, MonteCarloAndRowsApart) {
  Rows rows = MakeTestRows({{2, 1}, {3}});
  rows.reward = {1, -1, 0.5};
  rows.value = {0.1, 0.9, -0.4, 0.3, 0.2, 0.1};
  const Rows r = Estimate(rows, {.gamma = 1, .lambda = 1, .whiten = false});
  ExpectNear(r.adv, {0.9, 0.1, -0.6, 0.2, 0.3, 0.4}, 1e-12);
  ExpectNear(r.value_target, {1, 1, -1, 0.5, 0.5, 0.5}, 1e-12);
}

}  // namespace
}  // namespace rlvr
