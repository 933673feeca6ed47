// What a clip does where rewards say nothing, arXiv:2512.16912: the gradient expected over all
// rewards that a coin can give, each as likely. Worked by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// A group of two single-token rows with these ratios; the mean over the rewards (0, 0), (0, 1),
// (1, 0), (1, 1) of the gradient by each row's log-prob.
Doubles ExpectedGradient(const std::string& policy_loss, const Doubles& ratio) {
  const auto objective = MakeTestObjective(policy_loss);
  Doubles sum(2);
  for (const double first : {0, 1}) {
    for (const double second : {0, 1}) {
      const Rows rows = WithAdvantage("{name: group_centered}", RewardRows({{first, second}}));
      const auto r =
          Evaluate(*objective, rows, {{std::log(ratio[0]), std::log(ratio[1])}, Doubles(2)});
      for (size_t s = 0; s < 2; ++s) sum[s] += r.coefficients[0][s] / 4;
    }
  }
  return sum;
}

TEST(ClipBias, NoneWithoutAClip) {
  ExpectNear(ExpectedGradient("{name: decoupled_clip, eps_low: 1, eps_high: 10}", {1.5, 0.6}),
             {0, 0}, 1e-16);
}

TEST(ClipBias, NoneInsideTheBounds) {
  ExpectNear(ExpectedGradient("{name: ppo_clip, eps: 0.2}", {1.1, 0.9}), {0, 0}, 1e-16);
}

// A = +-1/2, each with probability 1/4. r = 1.5: the pull up is clipped, the pull down is not, and
// -1/2 * 1.5 / 2 rows / 4 = -.09375 remains. r = .6: +1/2 * .6 / 2 / 4 = .0375. A clip alone draws
// ratios back to 1.
TEST(ClipBias, TowardsTheOldPolicy) {
  ExpectNear(ExpectedGradient("{name: ppo_clip, eps: 0.2}", {1.5, 0.6}), {-0.09375, 0.0375}, 1e-16);
  // With the upper bound alone low ratios are free.
  ExpectNear(ExpectedGradient("{name: decoupled_clip, eps_low: 1, eps_high: 0.2}", {1.5, 0.6}),
             {-0.09375, 0}, 1e-16);
}

}  // namespace
}  // namespace rlvr
