#include "objective/advantage/hapo.h"

#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(HapoAdvantage, HandWorked) {
  Rows r = MakeTestRows({{1, 3}, {2, 2}});
  r.reward = {1, -1, 1, 1};
  HapoAdvantage method;
  method.eps = 0;
  method(&r, {});
  // Group 0: mean (1 - 3) / 4 = -.5, variance (2.25 + 3 * .25) / 4 = .75: 1.5 / sqrt(.75) = sqrt(3)
  // and -.5 / sqrt(.75) = -1 / sqrt(3). Group 1: no variety.
  const double a = std::sqrt(3.0), b = -1 / std::sqrt(3.0);
  ExpectNear(r.adv, {a, b, b, b, 0, 0, 0, 0}, 1e-12);
}

TEST(HapoAdvantage, MaskedTokensDoNotCount) {
  Rows r = MakeTestRows({{1, 3}});
  r.reward = {1, -1};
  r.mask = {1, 1, 0, 0};
  HapoAdvantage method;
  method.eps = 0;
  method(&r, {});
  ExpectNear(r.adv, {1, -1, -1, -1}, 1e-12);  // one token each: mean 0, std 1
}

// One token with reward 1 against 26 with 0: mean 1/27, std sqrt(26)/27, so A = 26 / sqrt(26) =
// 5.099 is over the limit, and GRPO's is there: mean .5, std sqrt(.5).
TEST(HapoAdvantage, OverTheLimitItIsGrpo) {
  Rows r = MakeTestRows({{1, 26}});
  r.reward = {1, 0};
  HapoAdvantage method;
  method.eps = 0;
  method(&r, {});
  EXPECT_NEAR(r.adv[0], 0.5 / std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(r.adv[26], -0.5 / std::sqrt(0.5), 1e-12);
  method.limit = 6;
  method(&r, {});
  EXPECT_NEAR(r.adv[0], std::sqrt(26.0), 1e-12);
}

}  // namespace
}  // namespace rlvr
