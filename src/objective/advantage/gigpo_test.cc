#include "objective/advantage/gigpo.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Three rows of two turns, one token each. All begin in state 10; rows 0 and 2 go on in state 20,
// row 1 in `other`. Row 0 wins.
Rows ThreeRowsOfTwo(int64_t other) {
  Rows r = MakeTestRows({{2, 2, 2}});
  r.turn = {0, 1, 0, 1, 0, 1};
  r.state = {10, 20, 10, other, 10, 20};
  r.reward = {1, 0, 0};
  return r;
}

TEST(Gigpo, ByHand) {
  // A^E = 2/3, -1/3, -1/3. Returns with gamma .5: .5 1, 0 0, 0 0.
  // State 10: .5, 0, 0, mean 1/6: 1/3, -1/6, -1/6. State 20: 1, 0: .5, -.5. State 30: alone.
  const double s = 1.0 / 3;
  ExpectNear(WithAdvantage("{name: gigpo, gamma: 0.5, omega: 2}", ThreeRowsOfTwo(30)).adv,
             {4 * s, 5 * s, -2 * s, -s, -2 * s, -4 * s}, 1e-12);
  ExpectNear(WithAdvantage("{name: gigpo, omega: 0}", ThreeRowsOfTwo(30)).adv,
             {2 * s, 2 * s, -s, -s, -s, -s}, 1e-12);
}

TEST(Gigpo, DividedByStd) {
  // (1, 0, 0) and (.5, 0, 0) become 2/sqrt 3, -1/sqrt 3, -1/sqrt 3; (1, 0) becomes +-1/sqrt 2.
  ExpectNear(
      WithAdvantage("{name: gigpo, gamma: 0.5, omega: 1, norm: std, eps: 0}", ThreeRowsOfTwo(30))
          .adv,
      {2.309401, 1.861807, -1.154701, -0.577350, -1.154701, -1.284457}, 1e-6);
}

TEST(Gigpo, AStateVisitedTwiceAndHistories) {
  // Row 1 stays in state 10: .5, 0, 0, 0 there, mean .125. By its history its second turn is alone.
  const double s = 1.0 / 3;
  ExpectNear(WithAdvantage("{name: gigpo, gamma: 0.5}", ThreeRowsOfTwo(10)).adv,
             {2 * s + .375, 2 * s + .5, -s - .125, -s - .125, -s - .125, -s - .5}, 1e-12);
  ExpectNear(WithAdvantage("{name: gigpo, gamma: 0.5, anchor: history}", ThreeRowsOfTwo(10)).adv,
             {2 * s + s, 2 * s + .5, -s - s / 2, -s, -s - s / 2, -s - .5}, 1e-12);
}

TEST(Gigpo, TurnRewardsAreDiscountedFromTheirTurn) {
  // Row 0: 1 in its second turn, outcome 0; row 1: outcome 1 in its only turn. gamma .5: .5 1, 1.
  // A^E: both rewards 1. State 10: .5, 1: -.25, .25. State 20: alone.
  Rows r = MakeTestRows({{2, 1}});
  r.turn = {0, 1, 0};
  r.state = {10, 20, 10};
  r.turn_reward = {0, 1, 0};
  r.reward = {1, 1};
  ExpectNear(WithAdvantage("{name: gigpo, gamma: 0.5}", r).adv, {-0.25, 0, 0.25}, 1e-12);
}

TEST(Gigpo, StatesOfOtherGroupsAreOtherStates) {
  Rows r = MakeTestRows({{1, 1}, {1, 1}});
  r.state = {10, 10, 10, 10};
  r.reward = {1, 0, 5, 5};
  ExpectNear(WithAdvantage("{name: gigpo}", r).adv, {1, -1, 0, 0}, 1e-12);
}

}  // namespace
}  // namespace rlvr
