#include "objective/advantage/rlfr.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// The released code with a whitened outcome of 1 (or -1) at the last token and flow rewards beside
// it: returns from the end. .1, 0, -.1: -.1, -.1, 0 on top of 1; a second response of one token.
TEST(Rlfr, ReturnsOnTopOfTheOutcomeByHand) {
  Rows rows = MakeTestRows({{3, 1}});
  rows.token_reward = {0.1, 0, -0.1, 0.2};
  rows.adv = {1, 1, 1, -1};
  Rlfr rlfr;
  rlfr(&rows, {});
  ExpectNear(rows.adv, {1, 0.9, 0.9, -0.8}, 1e-12);
  // gamma .5: -.1, -.05, .1 - .025 = .075.
  rows.adv = {1, 1, 1, -1};
  rlfr.gamma = 0.5;
  rlfr(&rows, {});
  ExpectNear(rows.adv, {1.075, 0.95, 0.9, -0.8}, 1e-12);
}

}  // namespace
}  // namespace rlvr
