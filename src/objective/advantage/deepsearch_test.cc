#include "objective/advantage/deepsearch.h"

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two trajectories that share their first step (value 0.5), one of three steps and right, the other
// of two and wrong and punished by 0.2 for its length; and a group of one.
Rows SearchedRows() {
  Rows r = MakeTestRows({{4, 3}, {2}});
  r.score = {1, -1, 1};
  r.reward = {1, -1.2, 1};
  r.step = {0, 1, 1, 2, 0, 1, 1, 0, 1};
  r.step_value = {0.5, -0.25, -0.25, 1, 0.5, -1, -1, 2, 1};
  return r;
}

TEST(DeepSearch, HandWorked) {
  Rows r = SearchedRows();
  DeepSearch{}(&r, {});
  // mean(R) = (1 - 1.2) / 2 = -0.1. Row 0: tanh(.5) = 0.462117157 + 0.1; tanh(-.25) = -0.244918662
  // + 0.1; 1 + 0.1. Row 1: 0.462117157 - 0.2 + 0.1; -1.2 + 0.1. Alone: tanh(2) = 0.964027580; 1.
  ExpectNear(
      r.adv,
      {0.562117157, -0.144918662, -0.144918662, 1.1, 0.362117157, -1.1, -1.1, 0.964027580, 1},
      1e-9);
}

TEST(DeepSearch, TemperatureMaximumAndStd) {
  Rows r = SearchedRows();
  DeepSearch method;
  method.temperature = 0.5;
  method.q_max = 2;
  method.divide_std = true;
  method.eps = 0.1;
  method(&r, {});
  // std(R) = 1.1: divisor 1.2. Row 0: (2 tanh(1) = 1.523188312 + 0.1) / 1.2; 2 tanh(-.5) =
  // -0.924234315. Alone: 2 tanh(4) = 1.998658599, not divided.
  EXPECT_NEAR(r.adv[0], 1.352656926, 1e-9);
  EXPECT_NEAR(r.adv[1], -0.686861929, 1e-9);
  EXPECT_NEAR(r.adv[3], 1.1 / 1.2, 1e-9);
  EXPECT_NEAR(r.adv[4], 1.185990260, 1e-9);
  EXPECT_NEAR(r.adv[7], 1.998658599, 1e-9);
}

}  // namespace
}  // namespace rlvr
