// Reward shapings: truncated_reward, majority_vote, information_consistency, pear, cde, ares.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/reward_shaping/ares.h"
#include "objective/reward_shaping/cde.h"
#include "objective/reward_shaping/marker.h"
#include "objective/test_rows.h"
#include "text/bpe_trainer.h"

namespace rlvr {
namespace {

// One token a byte.
const Tokenizer& Bytes() {
  static const Tokenizer tokenizer = TrainBpe(std::vector<std::string>{}, {.vocab_size = 256});
  return tokenizer;
}

// Groups of rows with these texts, a token a byte, entropy 0, reward 0, wrong.
Rows TextRows(const std::vector<std::vector<std::string>>& groups) {
  std::vector<std::vector<int64_t>> lengths;
  std::vector<int32_t> tokens;
  for (const auto& group : groups) {
    lengths.emplace_back();
    for (const auto& text : group) {
      const auto ids = Bytes().Encode(text);
      lengths.back().push_back(static_cast<int64_t>(ids.size()));
      tokens.insert(tokens.end(), ids.begin(), ids.end());
    }
  }
  Rows rows = MakeTestRows(lengths);
  rows.token = tokens;
  return rows;
}

StageRun Shaped(const std::string& yaml, Rows rows, RunState state = {},
                const Tokenizer* tokenizer = &Bytes()) {
  const ConfigNode node = ParseConfig(yaml, "test");
  StageRun run{std::move(rows), std::move(state), {}};
  Apply(MakeRewardShaping(&node), &run, 1, 100, 100, tokenizer);
  return run;
}

TEST(TruncatedReward, ReplacesTheRewardOfCutResponses) {
  Rows rows = RewardRows({{1, 1, -1}});
  rows.truncated = {0, 1, 0};
  ExpectNear(WithRewardShaping("{name: truncated_reward, reward: -0.5}", rows).reward,
             {1, -0.5, -1}, 0);
}

// a, a, b, c: a. A tie of b and c: b came first. None: no answer at all. A lone answer wins over
// two without any.
TEST(MajorityVote, ByHand) {
  Rows rows = RewardRows({{0, 0, 1, 0}, {0, 1, 1, 0}, {0, 0}, {0, 0, 0}});
  rows.answer = {0, 0, 1, 2, 1, 0, 0, 1, -1, -1, -1, 4, -1};
  const StageRun run = Shaped("{name: majority_vote}", rows);
  ExpectNear(run.rows.reward, {1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0}, 0);
  EXPECT_NEAR(MetricOf(run.metrics, "reward_shaping/majority_ratio"), 5.0 / 13, 1e-12);
  EXPECT_EQ(MetricOf(run.metrics, "reward_shaping/label_accuracy"), 0);  // always the wrong one
  ExpectNear(Shaped("{name: majority_vote, correct: 2, wrong: -1}", RewardRows({{5}})).rows.reward,
             {-1}, 0);
}

TEST(MajorityVote, ForeignRowsDoNotVote) {
  Rows rows = RewardRows({{1, 0, 0}});
  rows.answer = {0, 1, 1};
  rows.foreign = {0, 1, 1};
  const StageRun run = Shaped("{name: majority_vote}", rows);
  ExpectNear(run.rows.reward, {1, 0, 0}, 0);
  EXPECT_EQ(MetricOf(run.metrics, "reward_shaping/label_accuracy"), 1);
}

// Mean entropies 2, 2.2 (of 2 and 2.4) and 1.8: mean 2.
TEST(InformationConsistency, ByHand) {
  Rows rows = MakeTestRows({{1, 2, 1}});
  rows.reward = {1, 1, 0};
  rows.entropy_old = {2, 2, 2.4, 1.8};
  ExpectNear(WithRewardShaping("{name: information_consistency, coefficient: 0.5}", rows).reward,
             {1, 0.9, -0.1}, 1e-12);
}

// Families of groups 0 and 2, and of group 1: means 1.5 and 5, not each group's own.
TEST(InformationConsistency, OverAFamilyOfPrompts) {
  Rows rows = MakeTestRows({{1, 1}, {1, 1}, {1, 1}});
  rows.family = {0, 1, 0};
  rows.entropy_old = {1, 1, 4, 6, 2, 2};
  const std::string shaping = "{name: information_consistency, coefficient: 1, scope: ";
  EXPECT_EQ(WithRewardShaping(shaping + "family}", rows).reward,
            (Doubles{-0.5, -0.5, -1, -1, -0.5, -0.5}));
  EXPECT_EQ(WithRewardShaping(shaping + "group}", rows).reward, (Doubles{0, 0, -1, -1, 0, 0}));
}

TEST(TokenAfterMarker, FindsFirstAndLast) {
  const Rows rows = TextRows({{"xx", "abcabcd"}});
  const auto at = [&](const std::string& marker, bool last) {
    return TokenAfterMarker(rows, 1, &Bytes(), marker, last);
  };
  EXPECT_EQ(at("bc", false), 2 + 3);
  EXPECT_EQ(at("bc", true), 2 + 6);
  EXPECT_EQ(at("d", false), 2 + 7);   // nothing after it
  EXPECT_EQ(at("xa", false), 2 + 7);  // not across rows: the row's end
  EXPECT_THROW(TokenAfterMarker(rows, 1, nullptr, "a", false), Error);
}

// "aa|b": thinking a, a, | with mean entropy (.5 + .7 + .6) / 3 = .6, answer .2: P = .4.
// Wrong: untouched. No marker: P = .6. More entropy in the answer: P = 0. Above 1: reward 0.
TEST(Pear, ByHand) {
  Rows rows = TextRows({{"aa|b", "aa|b", "abb", "a|b", "a|"}});
  rows.reward = {1, -1, 1, 1, 1};
  rows.verdict = {Verdict::kRight, Verdict::kWrong, Verdict::kRight, Verdict::kRight,
                  Verdict::kRight};
  rows.entropy_old = {0.5, 0.7, 0.6, 0.2, 0.5, 0.7, 0.6, 0.2, 0.5, 0.7, 0.6, 0.1, 0.1, 0.9, 4, 2};
  ExpectNear(Shaped("{name: pear, marker: '|'}", rows).rows.reward, {0.6, -1, 0.4, 1, 0}, 1e-12);
  // alpha .5: P = .6 - .1; and 3 at the last, still 0.
  ExpectNear(Shaped("{name: pear, marker: '|', alpha: 0.5}", rows).rows.reward,
             {0.5, -1, 0.4, 1, 0}, 1e-12);
}

// w .2, a .1, b = d = .5, rho .25.  right: .2; .2 * .2 / .4 = .1; 0.
// wrong: -.05; L = .2 / .4: -.05 + (.1 + .05) / 2 = .025; .2.
TEST(Cde, BranchesByHand) {
  const Cde cde;
  ExpectNear({cde.Right(0.05), cde.Right(0.3), cde.Right(0.6)}, {0.2, 0.1, 0}, 1e-12);
  ExpectNear({cde.Wrong(0.05), cde.Wrong(0.3), cde.Wrong(0.6)}, {-0.05, 0.025, 0.2}, 1e-12);
}

// The token after the last '=' decides, in bits: .3 ln 2 nats are .3. No '=': nothing.
TEST(Cde, DecisionToken) {
  Rows rows = TextRows({{"1=2=3", "7=8", "9", "4="}});
  rows.reward = {1, -1, -1, 1};
  rows.verdict[0] = rows.verdict[3] = Verdict::kRight;
  const double bit = std::log(2.0);
  rows.entropy_old = {9, 9, 9, 9, 0.3 * bit, 0, 9, 5 * bit, 9, 9, 9};
  ExpectNear(Shaped("{name: cde, marker: '='}", rows).rows.reward, {1.1, -0.8, -1, 1}, 1e-12);
  EXPECT_THROW(Shaped("{name: cde, a: 0.5, b: 0.4}", rows), Error);
}

// alpha .5. easy, right, N* 10: M 1.5; N 15: u 3.5, huber 3.5 - 1 = 2.5, / 3.5 * .5 = .357143.
// hard, right, N = N* = 10: M 3.5, s(3.5) = 1 / (1 + exp(-3.5 / 3)) = .762542 * .6 = .457525.
// easy, wrong, D <= M: s(0) = .5 * .5 * .6. medium, right, N* 8: M 2; N 12: u 2, huber 4 / 6, /
// 5 * .5 = .0666667, and the same for N 4. hard, right, N* 10, N 4: -D - M = 2.5, huber 6.25 / 8 =
// .78125, * .5 / 7.5 * .6 = .03125. medium, wrong, N* 8, N 12.5: s(2.5) = 1 / (1 + 1 / e) = .7310586 *
// .5 * .8.
TEST(Ares, ShapingByHand) {
  ExpectNear({Ares::Shaping(0, true, 15, 10, 0.5), Ares::Shaping(2, true, 10, 10, 0.5),
              Ares::Shaping(0, false, 11, 10, 0.5), Ares::Shaping(1, true, 12, 8, 0.5),
              Ares::Shaping(1, true, 4, 8, 0.5), Ares::Shaping(2, true, 4, 10, 0.5),
              Ares::Shaping(1, false, 12.5, 8, 0.5)},
             {-0.357143, 0.457525, 0.15, -0.0666667, -0.0666667, -0.03125, 0.2924234}, 1e-6);
  EXPECT_EQ(Ares::Shaping(0, true, 1000, 10, 0.5), -0.5);  // the cap
}

// Triggers "a", windows of 1 token, percentile 0 of each response's windows, so tau begins as the
// median of their minima. Entropies of "aba" are 0, 1, 2: windows 1, 2; of "abaab" 0, 3, 0, 4, 5:
// windows 3, 0, 4, 5: minima 1 and 0, tau .5. N: "aba": a at 0 (1) counts, a at 2 has no window: 1.
// "abaab": a at 0 (3), at 2 (4) and at 3 (5): 3. Then tau = .99 * .5 + .01 * .5.
// The group has one right of two: medium. N* = 2, mean 2, alpha stays .5. M 1, right: D = -1: |D| - M
// = 0: 0. wrong: D = 1: s(0) .5 .8 = .2.
TEST(Ares, ByHand) {
  Rows rows = TextRows({{"aba", "abaab"}});
  rows.reward = {1, -1};
  rows.verdict[0] = Verdict::kRight;
  rows.behaviour[ToString(Ares::kEntropy)] = {0, 1, 2, 0, 3, 0, 4, 5};
  const std::string yaml = "{name: ares, triggers: [a], window: 1, percentile: 0}";
  const StageRun run = Shaped(yaml, rows);
  ExpectNear(run.rows.reward, {1, -0.8}, 1e-12);
  ExpectNear(run.state.values.at("ares/tau"), {0.5}, 1e-12);
  ExpectNear(run.state.values.at("ares/alpha"), {0.5, 0.5, 0.5}, 0);
  EXPECT_EQ(MetricOf(run.metrics, "reward_shaping/ares_high_entropy_tokens"), 2);
  // With tau 3.5 from before, N is 0 and 2 ("abaab" at 2 and 3): mean 1; tau moves by a hundredth.
  const StageRun later = Shaped(yaml, rows, {{{"ares/tau", {3.5}}, {"ares/alpha", {2, 1, 0}}}});
  EXPECT_EQ(MetricOf(later.metrics, "reward_shaping/ares_high_entropy_tokens"), 1);
  ExpectNear(later.state.values.at("ares/tau"), {3.47}, 1e-12);
  // alpha 1: right D = -1, M 1: 0. wrong: D = 1: .5 * .8.
  ExpectNear(later.rows.reward, {1, -0.6}, 1e-12);
  EXPECT_THROW(Shaped(yaml, rows, {}, nullptr), Error);
}

// Two easy groups of one response, N 1 and 2: mean 1.5, N* = 2 (half to even), alpha .5 + .05 * -.5.
// A hard group, N 1: alpha stays.
TEST(Ares, AlphaFollowsTheRoundedTarget) {
  Rows rows = TextRows({{"ab"}, {"aab"}, {"ab"}});
  rows.verdict[0] = rows.verdict[1] = Verdict::kRight;
  rows.behaviour[ToString(Ares::kEntropy)] = {0, 1, 0, 1, 1, 0, 1};
  const StageRun run = Shaped("{name: ares, triggers: [A, a], window: 1}", rows);
  ExpectNear(run.state.values.at("ares/alpha"), {0.475, 0.5, 0.5}, 1e-12);
}

}  // namespace
}  // namespace rlvr
