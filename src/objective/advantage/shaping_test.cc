// Advantages that change what others made or which rows train: task_normalized, aepo,
// perplexity_shaping, position_shaping.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Group means 2/3 and 1/3, all six rewards 1, 0, 1, 1, 0, 0: mean .5, squares 6 * .25, std sqrt(.3) =
// .5477226: 1/3 / .5477226 = .6085806, -2/3 / .5477226 = -1.2171612.
TEST(TaskNormalized, ByHand) {
  Rows rows = RewardRows({{1, 0, 1}, {1, 0, 0}});
  ExpectNear(WithAdvantage("{name: task_normalized, eps: 0}", rows).adv,
             {0.6085806, -1.2171612, 0.6085806, 1.2171612, -0.6085806, -0.6085806}, 1e-6);
  // Tasks apart: the groups' own stds, both 1 / sqrt(3).
  rows.task = {0, 1};
  const double a = std::sqrt(3.0) / 3;
  ExpectNear(WithAdvantage("{name: task_normalized, eps: 0}", rows).adv,
             {a, -2 * a, a, 2 * a, -a, -a}, 1e-12);
  // Families: without any the groups' own stds; of one family as of one task.
  const std::string by_family = "{name: task_normalized, eps: 0, std_of: family}";
  ExpectNear(WithAdvantage(by_family, rows).adv, {a, -2 * a, a, 2 * a, -a, -a}, 1e-12);
  rows.family = {4, 4};
  ExpectNear(WithAdvantage(by_family, rows).adv,
             {0.6085806, -1.2171612, 0.6085806, 1.2171612, -0.6085806, -0.6085806}, 1e-6);
  // Lite PPO: the tasks do not matter.
  ExpectNear(WithAdvantage("{name: task_normalized, eps: 0, std_of: batch}", rows).adv,
             {0.6085806, -1.2171612, 0.6085806, 1.2171612, -0.6085806, -0.6085806}, 1e-6);
}

// A group of one has no baseline: 2 and 0 of one task, std sqrt(2). A task of one reward: 0. A group
// of equal rewards: exactly 0.
TEST(TaskNormalized, Edges) {
  Rows rows = RewardRows({{2}, {0}, {5}, {0.1, 0.1, 0.1}, {0.7}});
  rows.task = {0, 0, 1, 2, 2};
  const Doubles adv = WithAdvantage("{name: task_normalized, eps: 0}", rows).adv;
  ExpectNear({adv[0], adv[1], adv[2]}, {std::sqrt(2.0), 0, 0}, 1e-12);
  EXPECT_EQ(Doubles(adv.begin() + 3, adv.begin() + 6), Doubles(3, 0.0));
}

Rows FourRows(double entropy) {  // advantages +, -, +, -; the third's reward is not above 0
  Rows rows = MakeTestRows({{2, 1}, {1, 1}});
  rows.reward = {1, -1, -1, -2};
  rows.entropy_old.assign(5, entropy);
  return rows;
}

StageRun WithAepo(double entropy, const std::string& params, RunState state = {}) {
  const ConfigNode node =
      ParseConfig("[{name: group_centered}, {name: aepo" + params + "}]", "test");
  StageRun run{FourRows(entropy), std::move(state), {}};
  Apply(MakeAdvantage(&node), &run);
  return run;
}

const Doubles kAll(5, 1.0), kPositive = {1, 1, 0, 0, 0};

// Above high: dropped. Between: as before. Below low: restored.
TEST(Aepo, Hysteresis) {
  StageRun run = WithAepo(0.6, "");
  EXPECT_EQ(run.rows.mask, kPositive);
  EXPECT_EQ(MetricOf(run.metrics, "advantage/aepo_dropping"), 1);
  run = WithAepo(0.3, "", run.state);
  EXPECT_EQ(run.rows.mask, kPositive);
  run = WithAepo(0.1, "", run.state);
  EXPECT_EQ(run.rows.mask, kAll);
  run = WithAepo(0.3, "", run.state);
  EXPECT_EQ(run.rows.mask, kAll);
  EXPECT_EQ(WithAepo(0.3, "").rows.mask, kAll);  // a run begins with all
}

TEST(Aepo, BandAsReleased) {
  EXPECT_EQ(WithAepo(0.6, ", gate: band").rows.mask, kAll);
  EXPECT_EQ(WithAepo(0.3, ", gate: band").rows.mask, kPositive);
  EXPECT_EQ(WithAepo(0.1, ", gate: band").rows.mask, kAll);
  EXPECT_THROW(WithAepo(0.1, ", low: 2, high: 1"), Error);
}

TEST(Aepo, ABatchWithoutPositivesStays) {
  const ConfigNode node = ParseConfig("[{name: group_centered}, {name: aepo}]", "test");
  Rows rows = FourRows(0.6);
  rows.reward = {0, 0, 0, 0};
  StageRun run{rows, {}, {}};
  Apply(MakeAdvantage(&node), &run);
  EXPECT_EQ(run.rows.mask, kAll);
}

// log PPL 1 (of tokens -.5, -1.5) and 3: mean 2, std sqrt(2): w = -+.7071068. Advantages +-1 with
// alpha .1: 1.0707107, -.9292893.
TEST(PerplexityShaping, ByHand) {
  Rows rows = MakeTestRows({{2, 1}});
  rows.reward = {2, 0};
  rows.logp_old = {-0.5, -1.5, -3};
  const std::string chain = "[{name: group_centered}, {name: perplexity_shaping, alpha: 0.1}]";
  ExpectNear(WithAdvantage(chain, rows).adv, {1.0707107, 1.0707107, -0.9292893}, 1e-6);
  rows.logp_old = {-3, -3, -3};
  ExpectNear(WithAdvantage(chain, rows).adv, {1, 1, -1}, 0);
}

// x = 1/4, 1/2, 3/4, 1: 2x - 1 = -.5, 0, .5, 1; d 2: sigmoid(-1) = .2689414, .5, .7310586,
// sigmoid(2) = .8807971. One token: x = 1.
TEST(PositionShaping, ByHand) {
  Rows rows = MakeTestRows({{4, 1}, {2}});
  rows.reward = {2, 0, 0};
  ExpectNear(
      WithAdvantage("[{name: group_centered}, {name: position_shaping, gamma: 0.1, d: 2}]", rows)
          .adv,
      {1.02689414, 1.05, 1.07310586, 1.08807971, -1.08807971, 0, 0}, 1e-7);
}

}  // namespace
}  // namespace rlvr
