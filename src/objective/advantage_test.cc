#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

TEST(GroupNormalized, HandWorked) {
  // r = [1,0,0,0]: mean 0.25, sample std 0.5. Equal rewards: rounding in the mean is no variety.
  // A group of one: 2 / (1 + eps).
  const Rows rows = RewardRows({{1, 0, 0, 0}, {0.1, 0.1, 0.1}, {2}});
  const Doubles want = {
      0.75 / 0.500001, -0.25 / 0.500001, -0.25 / 0.500001, -0.25 / 0.500001, 0, 0, 0, 2 / 1.000001};
  ExpectNear(WithAdvantage("{name: group_normalized}", rows).adv, want, 1e-12);
  ExpectNear(WithAdvantage("{}", rows).adv, want, 1e-12);  // the default
  ExpectNear(WithAdvantage("[{name: group_normalized, eps: 0.5}]", rows).adv,
             {0.75, -0.25, -0.25, -0.25, 0, 0, 0, 2 / 1.5}, 1e-12);
}

TEST(GroupCentered, HandWorked) {  // rows of 2, 1 and 3 tokens: every token of a row gets A_i
  Rows rows = MakeTestRows({{2, 1}, {3}});
  rows.reward = {1, 0, 5};
  ExpectNear(WithAdvantage("{name: group_centered}", rows).adv, {0.5, 0.5, -0.5, 0, 0, 0}, 0);
}

TEST(Advantage, AChainRunsInOrder) {  // the second sees the rewards, not the first's advantages
  const Rows rows = RewardRows({{1, 0, 0, 0}});
  ExpectNear(WithAdvantage("[{name: group_normalized}, {name: group_centered}]", rows).adv,
             {0.75, -0.25, -0.25, -0.25}, 1e-15);
}

TEST(Advantage, NotFiniteIsSaid) {
  try {
    WithAdvantage("{name: group_centered}", RewardRows({{1, INFINITY}}));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("group_centered: made an advantage that is not finite"),
              std::string::npos)
        << e.what();
  }
}

// --- reward shaping

TEST(RandomReward, IsABernoulliOfItsKeyAlone) {
  const Rows rows = RewardRows(std::vector<Doubles>(500, Doubles(4, 7.0)));
  for (const double p : {0.0, 0.3, 1.0}) {
    const Rows shaped =
        WithRewardShaping("{name: random_reward, p: " + std::to_string(p) + "}", rows);
    double sum = 0;
    for (const double r : shaped.reward) {
      EXPECT_TRUE(r == 0 || r == 1);
      sum += r;
    }
    EXPECT_NEAR(sum / 2000, p, 4 * std::sqrt(p * (1 - p) / 2000));
    EXPECT_EQ(shaped.score, rows.score);  // the verifier's word stays
  }
  // Another place in the batch, the same rewards; another step, others.
  const Rows whole = WithRewardShaping("{name: random_reward}", rows);
  const Rows part = WithRewardShaping("{name: random_reward}", Part(rows, 100, 120));
  EXPECT_EQ(part.reward, Part(whole, 100, 120).reward);
  const ConfigNode node = ParseConfig("{name: random_reward}", "test");
  StageRun second{rows, {}, {}};
  Apply(MakeRewardShaping(&node), &second, 2);
  EXPECT_NE(second.rows.reward, whole.reward);
}

// --- select

Tree GroupWith(const std::vector<Verdict>& verdicts) {
  Tree t;
  for (const Verdict v : verdicts) t.leaves.push_back({.verdict = v});
  return t;
}

TEST(DynamicSampling, KeepsMixedGroups) {
  const ConfigNode node = ParseConfig("{name: dynamic_sampling, max_rounds: 3}", "t");
  const auto s = MakeSelector(&node);
  EXPECT_TRUE(s->Keep(GroupWith({Verdict::kRight, Verdict::kWrong})));
  EXPECT_FALSE(s->Keep(GroupWith({Verdict::kRight, Verdict::kRight})));
  EXPECT_FALSE(s->Keep(GroupWith({Verdict::kWrong, Verdict::kTimedOut})));
  EXPECT_EQ(s->max_rounds(), 3);
  Tree cut = GroupWith({Verdict::kRight, Verdict::kWrong});
  cut.leaves[0].finish = Finish::kLength;
  EXPECT_TRUE(s->Keep(cut));
  const ConfigNode strict = ParseConfig("{name: dynamic_sampling, truncated_is_wrong: true}", "t");
  EXPECT_FALSE(MakeSelector(&strict)->Keep(cut));
  cut.leaves[0].finish = Finish::kStop;
  EXPECT_TRUE(MakeSelector(&strict)->Keep(cut));
  EXPECT_TRUE(MakeSelector(nullptr)->Keep(GroupWith({Verdict::kWrong})));
}

}  // namespace
}  // namespace rlvr
