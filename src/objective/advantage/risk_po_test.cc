#include "objective/advantage/risk_po.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

StageRun Applied(const std::string& params, Rows rows, RunState state = {}) {
  const ConfigNode node = ParseConfig("{name: risk_po, eps: 0" + params + "}", "test");
  StageRun run{std::move(rows), std::move(state), {}};
  Apply(MakeAdvantage(&node), &run);
  return run;
}

// q_d 1, q_u 4 at the levels .2, .9, w 1.5:
//   S 0: RVaR (0 - 0 - 3) / .7 = -4.285714, tail -1 / .2 = -5: (-7.5 - 4.285714) / 2.5 = -4.714286
//   S 2: (1 - 3) / .7 = -2.857143 / 2.5 = -1.142857;  S 3: -1 / .7 / 2.5 = -.571429
//   S 5: 4 - 1 - 3 = 0
// over the std of 0, 2, 3, 5: sqrt(13 / 3) = 2.081666. Then q_d += .1 (.2 - 1 / 4), q_u += .1 (.9 -
// 3 / 4).
TEST(RiskPo, TrackedByHand) {
  const StageRun run = Applied(", bundle_size: 1, quantiles: tracked, credit: uniform",
                               RewardRows({{0, 2, 3, 5}}), {{{"risk_po/quantiles", {1, 4}}}});
  ExpectNear(run.rows.adv, {-2.264670, -0.549011, -0.274506, 0}, 1e-5);
  ExpectNear(run.state.values.at("risk_po/quantiles"), {0.995, 4.015}, 1e-12);
}

// The first step: quantiles of the papers 0, 2, 3, 5: .6 of the way from 0 to 2, .7 from 3 to 5.
TEST(RiskPo, TrackingBeginsWithTheFirstBatch) {
  const StageRun run = Applied(", bundle_size: 1, quantiles: tracked", RewardRows({{0, 2, 3, 5}}));
  ExpectNear(run.state.values.at("risk_po/quantiles"), {1.2, 4.4}, 1e-12);
  EXPECT_EQ(run.rows.adv, Applied(", bundle_size: 1", RewardRows({{0, 2, 3, 5}})).rows.adv);
}

// Papers (1 + 1, 0 + 1) = 2, 1; q_d 1.2, q_u 1.9, std 1 / sqrt(2).
//   2: (.8 - .1 - .7) / .7 = 0.  1: RVaR -1, tail -.2 / .2 = -1: -1 sqrt(2)
// The groups' stds: 1 / sqrt(2), and 0, which counts as 1.
const Doubles kFirst = {1, 0}, kSecond = {1, 1};
TEST(RiskPo, BundleAndCreditByHand) {
  const Rows rows = RewardRows({kFirst, kSecond});
  ExpectNear(Applied("", rows).rows.adv, {0, -2, 0, -1.4142136}, 1e-6);
  ExpectNear(Applied(", credit: uniform", rows).rows.adv, {0, -1.4142136, 0, -1.4142136}, 1e-6);
  // Excess over the groups' means: -.5 and 0, shares 1 and 0.
  ExpectNear(Applied(", credit: sum_mean", rows).rows.adv, {0, -1.4142136, 0, 0}, 1e-6);
  // Without q_d - q_u: 2: .7 / .7 / 2.5 = .4; 1: 1.5 * -1 / 2.5 = -.6; times sqrt(2).
  ExpectNear(Applied(", credit: uniform, natural_baseline: false", rows).rows.adv,
             {0.5656854, -0.8485281, 0.5656854, -0.8485281}, 1e-6);
}

// Bundles by prompt, not by place: prompts 3, 1, 2 in bundles of 2 are (1, 2) and (3). Prompt 3
// alone has the papers 1, 0: q_d .2, q_u .9, RVaR of 1 (.8 - .1 - .7) = 0, of 0 -1, tail -1: -1,
// over its std twice: -2.
TEST(RiskPo, BundlesDoNotDependOnTheOrderOfTheBatch) {
  Rows rows = RewardRows({kFirst, kFirst, kSecond});
  rows.prompt = {3, 1, 2};
  ExpectNear(Applied(", bundle_size: 2", rows).rows.adv, {0, -2, 0, -2, 0, -1.4142136}, 1e-6);
}

// Three responses against two: papers are 2, the third response gets 0. All papers alike: 0.
TEST(RiskPo, UnequalGroupsAndEqualPapers) {
  EXPECT_EQ(Applied("", RewardRows({{1, 0, 1}, kSecond})).rows.adv[2], 0);
  ExpectNear(Applied("", RewardRows({{1, 1}, {0, 0}})).rows.adv, {0, 0, 0, 0}, 0);
  EXPECT_THROW(Applied(", a_d: 0.9, a_u: 0.2", RewardRows({kFirst})), Error);
}

}  // namespace
}  // namespace rlvr
