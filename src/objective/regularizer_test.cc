#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(Kl, HandWorkedK3) {
  // d = 0.2: k3 = exp(-0.2) + 0.2 - 1 = 0.0187308; dk3/dlogp = 1 - exp(-0.2)
  const auto objective = MakeTestObjective("{name: ppo_clip}", "[{name: kl, beta: 0.1}]");
  Rows rows = OneRow({0});
  rows.logp_ref = {-0.2};
  const auto r = Evaluate(*objective, rows, {{0.0}, {0.0}});
  EXPECT_NEAR(r.objective, -0.1 * 0.0187307531, 1e-10);
  EXPECT_NEAR(r.coefficients[0][0], -0.1 * (1 - std::exp(-0.2)), 1e-12);
  EXPECT_NEAR(MetricOf(r, "actor/kl_loss"), 0.0187307531, 1e-10);
}

TEST(Kl, HandWorkedK1AndK2) {  // d = 0.2, -0.4: k1 = d, slope 1; k2 = 0.02, 0.08, slope d
  Rows rows = OneRow({0, 0});
  rows.logp_ref = {-0.2, 0.4};
  const auto k1 =
      Evaluate(*MakeTestObjective("{name: ppo_clip}", "[{name: kl, kind: k1, beta: 1}]"), rows,
               {{0, 0}, {0, 0}});
  EXPECT_NEAR(k1.objective, 0.1, 1e-15);
  ExpectNear(k1.coefficients[0], {-0.5, -0.5}, 1e-15);
  const auto k2 =
      Evaluate(*MakeTestObjective("{name: ppo_clip}", "[{name: kl, kind: k2, beta: 1}]"), rows,
               {{0, 0}, {0, 0}});
  EXPECT_NEAR(k2.objective, -0.05, 1e-15);
  ExpectNear(k2.coefficients[0], {-0.1, 0.2}, 1e-15);
}

TEST(EntropyBonus, HandWorked) {
  const auto r =
      Evaluate(*MakeTestObjective("{name: ppo_clip}", "[{name: entropy_bonus, coefficient: 0.5}]"),
               OneRow({0, 0}), {{0, 0}, {0.6, 1.0}});
  EXPECT_NEAR(r.objective, 0.5 * 0.8, 1e-12);
  ExpectNear(r.coefficients[1], {0.25, 0.25}, 1e-12);
}

}  // namespace
}  // namespace rlvr
