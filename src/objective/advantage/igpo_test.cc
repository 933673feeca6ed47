#include "objective/advantage/igpo.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Row 0: gains .2 and .1, then the outcome 1. Row 1: gain -.1 (two tokens), outcome 0.
Rows TwoRows() {
  Rows r = MakeTestRows({{3, 3}});
  r.turn = {0, 1, 2, 0, 0, 1};
  r.turn_reward = {0.2, 0.1, 0, -0.1, -0.1, 0};
  r.reward = {1.3, -0.1};
  return r;
}

TEST(Igpo, JointByHand) {
  // .2 .1 1 -.1 0: mean .24, so -.04 -.14 .76 -.34 -.24; later turns at gamma .5.
  ExpectNear(WithAdvantage("{name: igpo, std: false, gamma: 0.5}", TwoRows()).adv,
             {0.08, 0.24, 0.76, -0.46, -0.46, -0.24}, 1e-12);
  // Squares sum to .772: std sqrt(.772 / 4) = .4393177.
  ExpectNear(WithAdvantage("{name: igpo, gamma: 0.5, eps: 0}", TwoRows()).adv,
             {0.182101, 0.546302, 1.729955, -1.047078, -1.047078, -0.546302}, 1e-6);
}

TEST(Igpo, SeparateByHand) {
  // Gains .2 .1 -.1: mean 1/15: 2/15, 1/30, -1/6. Outcomes: .5, -.5. gamma 1.
  ExpectNear(WithAdvantage("{name: igpo, norm: separate, std: false}", TwoRows()).adv,
             {2.0 / 3, 8.0 / 15, 0.5, -2.0 / 3, -2.0 / 3, -0.5}, 1e-12);
}

// The paper's point: where all outcomes are equal, turns still teach.
TEST(Igpo, EqualOutcomes) {
  Rows r = TwoRows();
  r.reward = {0.3, -0.1};
  // .2 .1 0 -.1 0: mean .04: .16 .06 -.04 -.14 -.04.
  ExpectNear(WithAdvantage("{name: igpo, std: false, gamma: 0}", r).adv,
             {0.16, 0.06, -0.04, -0.14, -0.14, -0.04}, 1e-12);
}

TEST(Igpo, OneTurnEachIsTheGroupsAdvantage) {
  const std::vector<Doubles> rewards = {{1, 0, 0, 1}, {3, 5}};
  ExpectNear(WithAdvantage("{name: igpo, eps: 0}", RewardRows(rewards)).adv,
             WithAdvantage("{name: group_normalized, eps: 0}", RewardRows(rewards)).adv, 1e-12);
}

}  // namespace
}  // namespace rlvr
