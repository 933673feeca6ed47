#include "objective/regularizer/tea_entropy.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

std::unique_ptr<Objective> Tea(const std::string& params) {
  return MakeTestObjective("{name: reinforce, aggregate: token_mean}",
                           "[{name: tea_entropy" + params + "}]");
}

// A = 1, -1, 0 (mean 0) and logp = .3, .2, -.5 (mean 0): cov = .3, -.2, 0. exp: 1.3498588, .8187308,
// 1, sum 3.1685896: shares .4260125, .2583897, .3155978; times 10 and at most 3.5: 3.5, 2.583897,
// 3.155978. H = .1, .2, .3: sum 1.8135728, / 3. REINFORCE: (.3 - .2) / 3.
TEST(TeaEntropy, ByHand) {
  const auto objective = Tea(", max: 3.5");
  const ObjectiveResult r =
      Evaluate(*objective, OneRow({1, -1, 0}), {{0.3, 0.2, -0.5}, {0.1, 0.2, 0.3}});
  EXPECT_NEAR(r.objective, 0.1 / 3 + 1.8135728 / 3, 1e-6);
  EXPECT_NEAR(MetricOf(r, "actor/tea_entropy"), 1.8135728 / 3, 1e-6);
  // dJ / dH_t = c_t / 3.
  ExpectNear(r.coefficients[1], {3.5 / 3, 2.583897 / 3, 3.155978 / 3}, 1e-6);
}

// With detach only REINFORCE's own gradient A / 3 is left on logp. Without it: share_t (dcov_t - sum_s
// share_s dcov_s) dcov / dlogp_u, with all c_t below max. By hand for u = 0: dcov = A_s (delta_su -
// 1/3) = 2/3, 1/3, 0; sum_s = .4260125 * 2/3 + .2583897 / 3 = .3701382; sum_t H_t share_t (dcov_t -
// sum_s) = .1 * .4260125 * .2965284 - .2 * .2583897 * .0368049 - .3 * .3155978 * .3701382 =
// -.0243140. J's part is 10 / 3 of that, and 1 / 3 from REINFORCE.
TEST(TeaEntropy, DetachHoldsTheCoefficient) {
  const Rows rows = OneRow({1, -1, 0});
  const std::vector<Doubles> s = {{0.3, 0.2, -0.5}, {0.1, 0.2, 0.3}};
  ExpectNear(Evaluate(*Tea(", detach: true"), rows, s).coefficients[0], {1.0 / 3, -1.0 / 3, 0},
             1e-12);
  EXPECT_NEAR(Evaluate(*Tea(", max: 100"), rows, s).coefficients[0][0],
              1.0 / 3 - 0.0243140 * 10 / 3, 1e-6);
}

TEST(TeaEntropy, GradientAndMaskedTokens) {
  Rows rows = ThreeRows();
  const std::vector<Doubles> s = {RandomDoubles(9, 1), RandomDoubles(9, 2)};
  for (const char* params : {"", ", max: 3", ", max: 100, coefficient: 0.3"})
    ExpectGradient(*Tea(params), rows, s, 1e-6, params);
  // A masked row has no part, whatever it holds.
  std::vector<Doubles> other = s;
  other[0][3] = 50;
  other[1][4] = 7;
  EXPECT_EQ(Evaluate(*Tea(""), rows, s).objective, Evaluate(*Tea(""), rows, other).objective);
  EXPECT_FALSE(Tea("")->separable());
}

}  // namespace
}  // namespace rlvr
