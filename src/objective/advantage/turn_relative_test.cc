#include "objective/advantage/turn_relative.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// One group. Row 0: two turns (of two tokens and one) with rewards 1 and 0, outcome 1. Row 1: three
// turns with rewards 0, 1, 0, outcome 0. Row 2: one turn with reward .5, outcome .5.
Rows Conversations() {
  Rows r = MakeTestRows({{3, 3, 1}});
  r.turn = {0, 0, 1, 0, 1, 2, 0};
  r.turn_reward = {1, 1, 0, 0, 1, 0, 0.5};
  r.reward = {2, 1, 1};
  return r;
}

TEST(TurnRelative, EachTurnWithItsOwnKind) {
  // Turn 0: 1, 0, .5 + .5, mean 2/3. Turn 1: 0 + 1 and 1. Turn 2: alone.
  const double third = 1.0 / 3;
  ExpectNear(WithAdvantage("{name: turn_centered}", Conversations()).adv,
             {third, third, 0, -2 * third, 0, 0, third}, 1e-12);
}

TEST(TurnRelative, LaterTurnsDiscounted) {
  // Returns with gamma .5: row 0: 1 + .5, 1. Row 1: .5, 1, 0. Row 2: 1. Turn 0: mean 1, std .5.
  ExpectNear(WithAdvantage("{name: turn_centered, gamma: 0.5}", Conversations()).adv,
             {0.5, 0.5, 0, -0.5, 0, 0, 0}, 1e-12);
  ExpectNear(WithAdvantage("{name: turn_normalized, gamma: 0.5, eps: 0}", Conversations()).adv,
             {1, 1, 0, -1, 0, 0, 0}, 1e-12);
}

TEST(TurnRelative, OutcomeAsItsOwnComponent) {
  // Turn 0: 1, 0, .5: .5, -.5, 0. Turn 1: 0, 1: -.5, .5. Outcomes 1, 0, .5: .5, -.5, 0, twice.
  ExpectNear(
      WithAdvantage("{name: turn_centered, outcome: own, outcome_weight: 2}", Conversations()).adv,
      {1.5, 1.5, 0.5, -1.5, -0.5, -1, 0}, 1e-12);
  // Divided: turn 0 by std .5, turn 1 by 1 / sqrt 2, outcomes by .5.
  ExpectNear(WithAdvantage("{name: turn_normalized, outcome: own, eps: 0}", Conversations()).adv,
             {2, 2, 0.292893, -2, -0.292893, -1, 0}, 1e-6);
}

TEST(TurnRelative, GroupsStayApartAndOneTurnIsTheGroupsAdvantage) {
  const std::vector<Doubles> rewards = {{1, 0, 0, 1}, {3, 5}, {2}};
  const Rows by_turn = WithAdvantage("{name: turn_normalized, eps: 0}", RewardRows(rewards));
  const Rows by_group = WithAdvantage("{name: group_normalized, eps: 0}", RewardRows(rewards));
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(by_turn.adv[i], by_group.adv[i], 1e-12) << i;
  EXPECT_EQ(by_turn.adv[6], 0);  // nothing to compare with
  ExpectNear(WithAdvantage("{name: turn_centered}", RewardRows(rewards)).adv,
             {0.5, -0.5, -0.5, 0.5, -1, 1, 0}, 1e-12);
}

// The table of docs/objective.md.
TEST(TurnRelative, TableOfThePage) {
  Rows r = MakeTestRows({{2, 1}});
  r.turn = {0, 1, 0};
  r.turn_reward = {1, 0, 0};
  r.reward = {2, 0};
  r.state = {1, 2, 1};
  for (const auto& [yaml, want] : std::vector<std::pair<std::string, Doubles>>{
           {"{name: group_centered}", {1, 1, -1}},
           {"{name: turn_centered}", {0.5, 0, -0.5}},
           {"{name: turn_centered, gamma: 1}", {1, 0, -1}},
           {"{name: turn_centered, outcome: own}", {1, 0.5, -1}},
           {"{name: gigpo, gamma: 1}", {2, 1, -2}},
           {"{name: igpo, std: false, gamma: 1}", {2.0 / 3, 1.0 / 3, -2.0 / 3}}})
    ExpectNear(WithAdvantage(yaml, r).adv, want, 1e-12);
}

TEST(TurnRelative, RowsWithoutTokens) {
  Rows r = MakeTestRows({{0, 1, 1}});
  r.reward = {4, 1, 0};
  ExpectNear(WithAdvantage("{name: turn_centered}", r).adv, {0.5, -0.5}, 1e-12);
}

}  // namespace
}  // namespace rlvr
