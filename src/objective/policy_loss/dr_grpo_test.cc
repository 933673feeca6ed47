// The composition of recipes/dr_grpo.yaml: centred rewards and a constant divisor,
// arXiv:2503.20783.
#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Rewards [1, 0, 0, 0]: A = [.75, -.25, -.25, -.25]. Lengths 1, 2, 4, 1 and constant 8: every token
// of a response has the same weight 1 / (4 * 8), however long it is.
TEST(DrGrpo, HandWorked) {
  Rows rows = MakeTestRows({{1, 2, 4, 1}});
  rows.reward = {1, 0, 0, 0};
  rows = WithAdvantage("{name: group_centered}", std::move(rows));
  ExpectNear(rows.adv, {0.75, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25}, 1e-15);
  const auto r = Evaluate(
      *MakeTestObjective("{name: ppo_clip, eps: 0.2, aggregate: token_sum_norm, constant: 8}"),
      rows, {Doubles(8, 0.0), Doubles(8, 0.0)});
  EXPECT_NEAR(r.objective, (0.75 - 7 * 0.25) / 32, 1e-15);
  Doubles want(8, -0.25 / 32);
  want[0] = 0.75 / 32;
  ExpectNear(r.coefficients[0], want, 1e-15);
}

}  // namespace
}  // namespace rlvr
