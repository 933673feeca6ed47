#include "objective/advantage/empg.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// One response of three turns with mean entropies .2, .6 (.4 and .8) and 1: scaled 0, .5, 1.
//   exp(-Hn) = 1, .6065307, .3678794, mean .6581367:  g = 1.519441, .921588, .558971;  f = exp(-Hn)
//   A = 1, zeta .1: 1.519441 + .0606531, .921588 + .0367879, .558971
Rows ThreeTurns() {
  Rows r = MakeTestRows({{4}});
  r.reward = {1};
  r.turn = {0, 1, 1, 2};
  r.entropy_old = {0.2, 0.4, 0.8, 1.0};
  return r;
}

Doubles Adv(Rows rows, const std::string& params) {
  return WithAdvantage("[{name: group_normalized, eps: 0}, {name: empg" + params + "}]",
                       std::move(rows))
      .adv;
}

TEST(Empg, ByHand) {
  ExpectNear(Adv(ThreeTurns(), ", center: false"), {1.580094, 0.958376, 0.958376, 0.558971}, 1e-5);
  // Mean over the four tokens (1.580094 + 2 * .958376 + .558971) / 4 = 1.013954.
  ExpectNear(Adv(ThreeTurns(), ""), {0.566140, -0.055578, -0.055578, -0.454983}, 1e-5);
}

// After turn_normalized a step's advantage is its turn's. Two rows of two turns (the first row's first
// turn has two tokens), turn rewards 1 0 and 0 1: A = +-1/sqrt 2. Entropies .5 (of .2 and .8), .5 and 0,
// 1: scaled .5, .5, 0, 1; exp(-Hn) = .6065307 twice, 1, .3678794, mean .6452352:
//   g = .940014, .940014, 1.549822, .570148;  zeta .1: f of the second turns .6065307 and .3678794
TEST(Empg, AdvantagesByTurn) {
  Rows rows = MakeTestRows({{3, 2}});
  rows.turn = {0, 0, 1, 0, 1};
  rows.turn_reward = {1, 1, 0, 0, 1};
  rows.reward = {1, 1};
  rows.entropy_old = {0.2, 0.8, 0.5, 0, 1};
  const double a = 0.7071068;
  ExpectNear(
      WithAdvantage("[{name: turn_normalized, eps: 0}, {name: empg, center: false}]", rows).adv,
      {a * 0.940014 + 0.0606531, a * 0.940014 + 0.0606531, -a * 0.940014, -a * 1.549822 + 0.0367879,
       a * 0.570148},
      1e-5);
}

// A step ends with its turn even where four tokens or a newline are still to come.
TEST(Empg, NoStepReachesOverTheOtherSidesTurn) {
  Rows rows = ThreeTurns();
  rows.turn = {0, 0, 1, 1};
  ExpectNear(Adv(rows, ", center: false, step: tokens, step_tokens: 4, zeta: 0"),
             {1.462117, 1.462117, 0.537883, 0.537883}, 1e-5);
}

TEST(Empg, StepsOfTokens) {  // entropies .3 and .9: Hn 0 and 1, mean of 1 and .3678794: .6839397
  Rows one_turn = ThreeTurns();
  one_turn.turn = {0, 0, 0, 0};
  ExpectNear(Adv(one_turn, ", center: false, step: tokens, step_tokens: 2, zeta: 0"),
             {1.462117, 1.462117, 0.537883, 0.537883}, 1e-5);
  EXPECT_THROW(Adv(ThreeTurns(), ", step: newline"), Error);  // without a tokenizer
}

// One step each, entropies 0 and 2; the group's advantages +-1 / sqrt(2); no next step, no bonus.
//   k = 2: exp = 1, .1353353, mean .5676676: g = 1.761594, .238406
TEST(Empg, LastStepsHaveNoBonusAndRowsStayApart) {
  Rows rows = MakeTestRows({{1, 2}});
  rows.reward = {1, 0};
  rows.entropy_old = {0, 2, 2};
  ExpectNear(Adv(rows, ", k: 2, zeta: 9, center: false"), {1.245635, -0.168578, -0.168578}, 1e-5);
}

TEST(Empg, EqualEntropiesChangeNothingButTheBonus) {
  Rows rows = ThreeTurns();
  rows.entropy_old = {0.5, 0.5, 0.5, 0.5};
  ExpectNear(Adv(rows, ", center: false"), {1.1, 1.1, 1.1, 1}, 1e-12);
}

}  // namespace
}  // namespace rlvr
