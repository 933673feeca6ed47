// copo and its advantage copo_global. Expected numbers are worked by hand from the paper's
// formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

Doubles Zeros(size_t n) { return Doubles(n, 0.0); }

// Answers a, a, a, b, b, c, mean reward .5: E = 1.459148, lambda = .322377, g = .264802; beside it
// a group of two with equal answers and mean 1.
Rows TwoGroups() {
  Rows r = RewardRows({{1, 1, 1, 0, 0, 0}, {1, 1}});
  r.answer = {0, 0, 0, 1, 1, 2, 0, 0};
  return r;
}

TEST(CopoGlobal, HandWorked) {
  const Rows plain =
      WithAdvantage("[{name: group_centered}, {name: copo_global, eps: 0}]", TwoGroups());
  // g = [.5, 1]: mean .75, std sqrt(.125): -+ 1 / sqrt(2). The local advantage stays.
  const double a = std::sqrt(0.5);
  ExpectNear(plain.more.at("copo_global"), {-a, -a, -a, -a, -a, -a, a, a}, 1e-12);
  ExpectNear(plain.adv, {0.5, 0.5, 0.5, -0.5, -0.5, -0.5, 0, 0}, 1e-12);
  // With eps it is seen how far g moves: (g - mean) / (std + 1), g = [.264802, 1].
  const Rows consistent = WithAdvantage(
      "[{name: group_centered}, {name: copo_global, consistency: true, eps: 1}]", TwoGroups());
  const double half = (1 - 0.264802) / 2, std = half * std::sqrt(2.0);
  EXPECT_NEAR(consistent.more.at("copo_global")[0], -half / (std + 1), 1e-6);
  // One prompt, or equal ones: 0.
  const Rows one =
      WithAdvantage("[{name: group_centered}, {name: copo_global}]", RewardRows({{1, 0}}));
  ExpectNear(one.more.at("copo_global"), {0, 0}, 0);
}

// w = sigmoid(E - .5) = .722951 in the first group; in the second E = 0, sigmoid(-.5) = .377541.
TEST(Copo, HandWorked) {
  Rows rows = TwoGroups();
  rows.adv = {0.5, 0.5, 0.5, -0.5, -0.5, -0.5, 0, 0};
  rows.more["copo_global"] = {-1, -1, -1, -1, -1, -1, 1, 1};
  const std::vector<Doubles> s = {Zeros(8), Zeros(8)};
  const double w = 0.7229508, v = 0.3775407;
  const std::string tail = ", k: 1, b: 0.5, aggregate: seq_mean_token_sum}";
  const auto gradients = [&](const std::string& blend) {
    Doubles g = Evaluate(*MakeTestObjective("{name: copo, blend: " + blend + tail), rows, s)
                    .coefficients[0];
    for (double& x : g) x *= 8;
    return g;
  };
  // On policy: dJ/dlogp = w A_local + (1 - w) A_global.
  const double up = w * 0.5 - (1 - w), down = -w * 0.5 - (1 - w);
  ExpectNear(gradients("soft"), {up, up, up, down, down, down, 1 - v, 1 - v}, 1e-6);
  ExpectNear(gradients("soft_with_forced"), {up, up, up, down, down, down, 1, 1}, 1e-6);
  ExpectNear(gradients("soft_with_zero"), {up, up, up, -1, -1, -1, 1 - v, 1 - v}, 1e-6);
}

// Both surrogates are clipped for themselves: r = 1.5 is cut for A_local = 1 and not for A_global =
// -1.
TEST(Copo, EachSurrogateHasItsOwnClip) {
  Rows rows = OneRow({1});
  rows.verdict[0] = Verdict::kRight;
  rows.more["copo_global"] = {-1};
  const auto r = Evaluate(*MakeTestObjective("{name: copo, k: 0}"), rows, {{std::log(1.5)}, {0}});
  EXPECT_NEAR(r.objective, 0.5 * 1.2 - 0.5 * 1.5, 1e-14);
  ExpectNear(r.coefficients[0], {-0.75}, 1e-14);
}

TEST(Copo, AsksForItsAdvantage) {
  const auto objective = MakeTestObjective("{name: copo}");
  EXPECT_THROW(Evaluate(*objective, OneRow({1}), {{0}, {0}}), Error);
}

// The advantage's column follows its groups into parts of a mini-batch.
TEST(Copo, PartsKeepTheColumn) {
  Rows rows = RewardRows({{1, 0}, {1, 1, 0}});
  rows.more["copo_global"] = {1, 2, 3, 4, 5};
  ExpectNear(Part(rows, 1, 2).more.at("copo_global"), {3, 4, 5}, 0);
}

}  // namespace
}  // namespace rlvr
