#include "objective/advantage/ucas.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two responses of a group with certainties 1 and 3 (normalised -+1 / sqrt(2)) and logits 2 and 4
// (scaled 0 and 1), rewards 1 and 0 (advantages +-1 / sqrt(2)).
Rows TwoResponses() {
  Rows r = RewardRows({{1, 0}});
  r.behaviour[ToString(Ucas::kCertainty)] = {1, 3};
  r.behaviour[ToString(Ucas::kLogit)] = {2, 4};
  return r;
}

Doubles Adv(Rows rows, const std::string& params) {
  return WithAdvantage("[{name: group_normalized, eps: 0}, {name: ucas, eps: 0" + params + "}]",
                       std::move(rows))
      .adv;
}

// .7071068 exp(.25 * .7071068) = .7071068 * 1.1933645 = .8438362, no logit penalty;
// -.7071068 exp(.35 * .7071068) - .05 = -.7071068 * 1.2808031 - .05 = -.9556645.
TEST(Ucas, ByHand) { ExpectNear(Adv(TwoResponses(), ""), {0.8438362, -0.9556645}, 1e-6); }

// A right response with the higher logit: .8438362 - 1 is held at 0; a wrong one is not.
TEST(Ucas, ThePenaltyDoesNotTurnARightResponseOver) {
  Rows rows = TwoResponses();
  rows.behaviour[ToString(Ucas::kLogit)] = {4, 2};
  ExpectNear(Adv(rows, ", logit_penalty: 1"), {0, -0.9056645}, 1e-6);
}

// Response certainty is the sum over tokens: 1 + 1 + 1 against 3: nothing to choose. Logits of the
// batch 0, 2, 4, 1: scaled 0, .5, 1, .25. Masked tokens do not set the scale.
TEST(Ucas, SumsOverTokensAndScalesOverTheBatch) {
  Rows rows = MakeTestRows({{3, 1}, {1}});
  rows.reward = {1, 0, 0};
  rows.behaviour[ToString(Ucas::kCertainty)] = {1, 1, 1, 3, 7};
  rows.behaviour[ToString(Ucas::kLogit)] = {0, 2, 4, 1, 40};
  rows.mask[4] = 0;
  const double a = std::sqrt(0.5);
  Doubles adv = Adv(rows, ", logit_penalty: 0.1");
  adv.pop_back();
  ExpectNear(adv, {a, a - 0.05, a - 0.1, -a - 0.025}, 1e-12);
}

// Alone in its group: reward 2 is kept, and the equal logits count .5.
TEST(Ucas, GroupOfOneAndEqualLogits) {
  Rows rows = MakeTestRows({{2}});
  rows.reward = {2};
  rows.behaviour[ToString(Ucas::kCertainty)] = {5, 5};
  rows.behaviour[ToString(Ucas::kLogit)] = {3, 3};
  ExpectNear(Adv(rows, ""), {1.975, 1.975}, 1e-12);
}

}  // namespace
}  // namespace rlvr
