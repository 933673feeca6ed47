// Advantages that differ in the baseline of a group or batch: rloo, opo, reinforce_plus_plus(_baseline),
// pass_at_k, best_of_group; and reward_shaping kl_penalty, which feeds the second.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// [1,0,0,0]: 1 - 0 and 0 - 1/3. [2,-1,.5]: 2 + .25, -1 - 1.25, .5 - .5.
TEST(Rloo, ByHand) {
  const Rows rows = RewardRows({{1, 0, 0, 0}, {2, -1, 0.5}, {0.1, 0.1, 0.1}, {3}});
  ExpectNear(WithAdvantage("{name: rloo}", rows).adv,
             {1, -1.0 / 3, -1.0 / 3, -1.0 / 3, 2.25, -2.25, 0, 0, 0, 0, 3}, 1e-12);
  EXPECT_EQ(WithAdvantage("{name: rloo, single: zero}", rows).adv.back(), 0);
}

// Lengths 10 and 30, rewards 1 and 0: b = 10 / 40. Equal rewards: exactly 0. A group of one: r.
TEST(Opo, ByHand) {
  Rows rows = MakeTestRows({{10, 30}, {1, 2, 4}, {2}});
  rows.reward = {1, 0, 0.1, 0.1, 0.1, 2};
  const Doubles adv = WithAdvantage("{name: opo}", rows).adv;
  Doubles want(10, 0.75);
  want.insert(want.end(), 30, -0.25);
  want.insert(want.end(), 7, 0);
  want.insert(want.end(), 2, 2);
  ExpectNear(adv, want, 1e-12);
  EXPECT_EQ(adv[40], 0);
}

// Tokens 1, 1 | 0: mean 2/3, deviations 1/3, 1/3, -2/3, variance (1 + 1 + 4) / 9 / 2 = 1/3:
// 1/3 / sqrt(1/3) = .5773503, -2/3 / sqrt(1/3) = -1.1547005.
TEST(ReinforcePlusPlus, ByHand) {
  Rows rows = MakeTestRows({{2}, {1}});
  rows.reward = {1, 0};
  ExpectNear(WithAdvantage("{name: reinforce_plus_plus}", rows).adv,
             {0.5773503, 0.5773503, -1.1547005}, 1e-6);
}

// gamma .5, token rewards .2 and -.4 before the last reward 1, and a row of reward -1:
//   G_2 = -.4 + 1 = .6, G_1 = .2 + .3 = .5, and -1. Mean .1 / 3 = .0333333; deviations .4666667,
//   .5666667, -1.0333333; squares .2177778 + .3211111 + 1.0677778 = 1.6066667; / 2 = .8033333, root
//   .8962886.
TEST(ReinforcePlusPlus, DiscountAndTokenRewardsByHand) {
  Rows rows = MakeTestRows({{2}, {1}});
  rows.reward = {1, -1};
  rows.token_reward = {0.2, -0.4, 0};
  ExpectNear(WithAdvantage("{name: reinforce_plus_plus, gamma: 0.5}", rows).adv,
             {0.5206656, 0.6322368, -1.1529024}, 1e-6);
}

// Masked tokens are not in mean and std: as ByHand for the shown ones.
TEST(ReinforcePlusPlus, MaskedTokensAreNotSeen) {
  Rows rows = MakeTestRows({{2}, {1}, {4}});
  rows.reward = {1, 0, 9};
  rows.mask = {1, 1, 1, 0, 0, 0, 0};
  Doubles adv = WithAdvantage("{name: reinforce_plus_plus}", rows).adv;
  adv.resize(3);
  ExpectNear(adv, {0.5773503, 0.5773503, -1.1547005}, 1e-6);
}

// Centred .5 (2 tokens), -.5 | 0 (one reward of 0, no baseline): values .5, .5, -.5, 0: mean .125, deviations .375,
// .375, -.625, -.125; squares .140625 * 2 + .390625 + .015625 = .6875; / 3 = .2291667, root .4787136.
TEST(ReinforcePlusPlusBaseline, ByHand) {
  Rows rows = MakeTestRows({{2, 1}, {1}});
  rows.reward = {1, 0, 0};
  ExpectNear(WithAdvantage("{name: reinforce_plus_plus_baseline}", rows).adv,
             {0.7833495, 0.7833495, -1.3055825, -0.2611165}, 1e-6);
  // Nothing varies: 0, not noise over noise.
  rows = RewardRows({{0.1, 0.1, 0.1}, {0.3, 0.3}});
  ExpectNear(WithAdvantage("{name: reinforce_plus_plus_baseline}", rows).adv, {0, 0, 0, 0, 0}, 0);
}

// p = .5, .8 and sum p^2 = .5, .68: w = .5, .08, so W = .5, .58; the other p = .6, sum p^2 = .52: W =
// .32. Rewards 1, 0: B_1 = .5 / .82 = .6097561, B_2 = 1 (alone). A group of one has its return, with
// token rewards .1 and .2: 2.3, 2.2.
TEST(OptimalTokenBaseline, ByHand) {
  Rows rows = MakeTestRows({{2, 1}, {2}});
  rows.reward = {1, 0, 2};
  rows.token_reward = {0, 0, 0, 0.1, 0.2};
  rows.logp_old = {std::log(0.5), std::log(0.8), std::log(0.6), 0, 0};
  rows.behaviour["sum_p2"] = {0.5, 0.68, 0.52, 1, 1};
  ExpectNear(WithAdvantage("{name: optimal_token_baseline, eps: 0}", rows).adv,
             {0.3902439, 0, -0.6097561, 2.3, 2.2}, 1e-6);
  ExpectNear(WithAdvantage("{name: optimal_token_baseline, eps: 0, zero_tail: true}", rows).adv,
             {0.3902439, 1, -0.6097561, 2.3, 2.2}, 1e-6);
}

// N = 4, one right. k = 1: R = 1/4, sigma = sqrt(3/16): right .75 / .4330127 = 1.7320508, wrong
// (.75 - 1) / .4330127 = -.5773503. k = 2: R = 1 - 3/6, sigma .5: right 1, wrong (.5 - 2/3) / .5.
// k = 3: R = 1 - 1/4, sigma .4330127: right .25 / .4330127 = .5773503, wrong (.25 - 1/3) / .4330127 =
// -.1924501. k = 4: R = 1: no variety.
TEST(PassAtK, ByHand) {
  const Rows rows = RewardRows({{-1, 1, -1, -1}});
  const auto adv = [&](int k) {
    return WithAdvantage("{name: pass_at_k, k: " + std::to_string(k) + "}", rows).adv;
  };
  ExpectNear(adv(1), {-0.5773503, 1.7320508, -0.5773503, -0.5773503}, 1e-6);
  ExpectNear(adv(2), {-1.0 / 3, 1, -1.0 / 3, -1.0 / 3}, 1e-12);
  ExpectNear(adv(3), {-0.1924501, 0.5773503, -0.1924501, -0.1924501}, 1e-6);
  ExpectNear(adv(4), {0, 0, 0, 0}, 0);
  EXPECT_THROW(adv(5), Error);
}

// The definition: all sets of k responses, a set's reward 1 with a right one in it, normalised over
// sets by the population std; a response's advantage is the mean over the sets that hold it.
TEST(PassAtK, IsTheMeanOverAllSets) {
  const Doubles rewards = {1, 0, 0, 1, 0, 0, 0};
  for (int k = 1; k <= 5; ++k) {
    Doubles set_rewards;
    std::vector<int> sets;
    for (int set = 0; set < 1 << 7; ++set) {
      if (__builtin_popcount(static_cast<unsigned>(set)) != k) continue;
      double best = 0;
      for (int i = 0; i < 7; ++i) {
        if (set >> i & 1) best = std::max(best, rewards[i]);
      }
      sets.push_back(set);
      set_rewards.push_back(best);
    }
    double mean = 0, square = 0;
    for (const double r : set_rewards) mean += r / static_cast<double>(sets.size());
    for (const double r : set_rewards)
      square += (r - mean) * (r - mean) / static_cast<double>(sets.size());
    Doubles want(7, 0.0), counts(7, 0.0);
    for (size_t j = 0; j < sets.size(); ++j) {
      for (int i = 0; i < 7; ++i) {
        if ((sets[j] >> i & 1) == 0) continue;
        want[i] += (set_rewards[j] - mean) / std::sqrt(square);
        counts[i] += 1;
      }
    }
    for (int i = 0; i < 7; ++i) want[i] /= counts[i];
    ExpectNear(
        WithAdvantage("{name: pass_at_k, k: " + std::to_string(k) + "}", RewardRows({rewards})).adv,
        want, 1e-12);
  }
}

TEST(PassAtK, Edges) {
  // A group of two makes no set of three.
  ExpectNear(WithAdvantage("{name: pass_at_k, k: 3}", RewardRows({{1, 0}, {-1, 1, -1, -1}})).adv,
             {0, 0, -0.1924501, 0.5773503, -0.1924501, -0.1924501}, 1e-6);
  ExpectNear(WithAdvantage("{name: pass_at_k, k: 2}", RewardRows({{1, 1, 1}, {-1, -1}})).adv,
             {0, 0, 0, 0, 0}, 0);
  // Overlong punishment leaves .4 of a right answer's 1, and 2 wrong of 3: R = 1 - 1/3, sigma
  // sqrt(2)/3; right 1/sqrt(2), wrong (1/3 - 1/2) / (sqrt(2) / 3) = -.3535534.
  ExpectNear(WithAdvantage("{name: pass_at_k, k: 2}", RewardRows({{0.4, -1, -1.5}})).adv,
             {0.7071068, -0.3535534, -0.3535534}, 1e-6);
}

// [3,1,2]: 3 - 2 = 1; std of the sample 1. Two best: 0.
TEST(BestOfGroup, ByHand) {
  const Rows rows = RewardRows({{3, 1, 2}, {1, 1, 0}});
  ExpectNear(WithAdvantage("{name: best_of_group, eps: 1}", rows).adv, {0.5, 0, 0, 0, 0, 0}, 1e-12);
  ExpectNear(WithAdvantage("{name: best_of_group, divide_by_std: false}", rows).adv,
             {1, 0, 0, 0, 0, 0}, 0);
  EXPECT_THROW(WithAdvantage("{name: best_of_group}", RewardRows({{1}})), Error);
}

// d = .2 and -.2: k1 .2, -.2; abs .2, .2; k2 .02, .02; k3 .0187308, .0214028. On top of what is there.
TEST(KlPenalty, ByHand) {
  Rows rows = OneRow({0, 0});
  rows.logp_old = {-1, -1};
  rows.logp_ref = {-1.2, -0.8};
  rows.token_reward = {1, 0};
  const auto shaped = [&](const std::string& kind) {
    return WithRewardShaping("{name: kl_penalty, beta: 0.5, kind: " + kind + "}", rows)
        .token_reward;
  };
  ExpectNear(shaped("k1"), {0.9, 0.1}, 1e-12);
  ExpectNear(shaped("abs"), {0.9, -0.1}, 1e-12);
  ExpectNear(shaped("k2"), {0.99, -0.01}, 1e-12);
  ExpectNear(shaped("k3"), {1 - 0.0093654, -0.0107014}, 1e-6);
}

}  // namespace
}  // namespace rlvr
