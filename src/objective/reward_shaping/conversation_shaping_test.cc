// Reward shapings of conversations: gril, rlaar.
#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

constexpr auto U = Illocution::kUnderspecified, S = Illocution::kSpecified;
constexpr auto kAsk = TurnStrategy::kClarification, kAnswer = TurnStrategy::kAnswerAttempt;

struct OneTurn {
  Illocution illocution;
  TurnStrategy strategy;
};

// One group; turns of one token. scores: of the rows, right above 0. The environment has given every
// turn a reward of .1 already, and shaping .01.
Rows Conversations(const std::vector<std::vector<OneTurn>>& turns, const Doubles& scores) {
  std::vector<int64_t> lengths;
  for (const auto& row : turns) lengths.push_back(static_cast<int64_t>(row.size()));
  Rows r = MakeTestRows({lengths});
  size_t t = 0;
  for (size_t s = 0; s < turns.size(); ++s) {
    for (size_t i = 0; i < turns[s].size(); ++i, ++t) {
      r.turn[t] = static_cast<int32_t>(i);
      r.turn_reward[t] = 0.1;
      r.illocution[t] = turns[s][i].illocution;
      r.strategy[t] = turns[s][i].strategy;
    }
    r.score[s] = scores[s];
    r.verdict[s] = scores[s] > 0 ? Verdict::kRight : Verdict::kWrong;
    r.reward[s] = scores[s] + 0.01 + 0.1 * static_cast<double>(turns[s].size());
  }
  return r;
}

StageRun Shaped(const std::string& yaml, Rows rows) {
  const ConfigNode node = ParseConfig(yaml, "test");
  StageRun run{std::move(rows), {}, {}};
  Apply(MakeRewardShaping(&node), &run);
  return run;
}

TEST(Gril, ByHand) {
  const Rows rows = Conversations(
      {
          {{U, kAnswer}, {U, kAnswer}, {U, kAsk}, {U, kAsk}, {S, kAnswer}},  // detected third
          {{U, kAsk}, {S, kAsk}, {S, kAnswer}},                              // at once
          {{U, kAnswer}, {S, kAsk}},                                         // too late to detect
          {{S, kAsk}, {S, kAsk}, {S, kAnswer}},                              // complete
          {{S, kAnswer}},
      },
      {1, 0, 0, 1, 1});
  const StageRun run = Shaped("{name: gril, r_base: 1, gamma_d: 0.5, lambda: 0.25}", rows);
  // The worked number of three turns: .5^2.
  ExpectNear(run.rows.turn_reward, {0, 0, 0.25, 0, 0, 1, 0, 0, 0, 0, -0.25, 0, 0, 0}, 1e-12);
  ExpectNear(run.rows.reward, {1.26, 1.01, 0.01, 0.76, 1.01}, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "gril/detected"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "gril/needless"), 0.5, 1e-12);
}

TEST(Gril, OtherWaysOfAsking) {
  const Rows rows =
      Conversations({{{U, TurnStrategy::kRefuse}}, {{U, TurnStrategy::kHedge}}}, {0, 0});
  ExpectNear(Shaped("{name: gril}", rows).rows.turn_reward, {0, 0}, 0);
  ExpectNear(Shaped("{name: gril, r_base: 3, also: [refuse]}", rows).rows.turn_reward, {3, 0}, 0);
  EXPECT_THROW(Shaped("{name: gril, also: [shrug]}", rows), Error);
}

TEST(Rlaar, ByHand) {
  const Rows rows = Conversations(
      {
          {{U, kAnswer}, {U, kAsk}},                 // withheld, abstained
          {{U, kAsk}, {U, kAnswer}},                 // withheld, answered
          {{U, kAsk}, {S, kAnswer}},                 // solved
          {{U, kAsk}, {S, kAsk}},                    // asks for what it has
          {{U, kAsk}, {U, TurnStrategy::kMissing}},  // blank is no abstention
          {{U, TurnStrategy::kRefuse}},
      },
      {0, -1, 1, -1, 0, -1});
  const StageRun run = Shaped("{name: rlaar, abstain: 1, answer: 0}", rows);
  ExpectNear(run.rows.reward, {1.01, 0.01, 1.01, -0.99, 0.01, 1.01}, 1e-12);
  ExpectNear(run.rows.turn_reward, Doubles(11, 0), 0);
  EXPECT_NEAR(MetricOf(run.metrics, "rlaar/abstained"), 0.5, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "rlaar/solved"), 0.5, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "rlaar/needless"), 0.5, 1e-12);
}

// A user who would have told more was cut off by a limit: not answering earns nothing.
TEST(Rlaar, LimitsAreNoReasonToAbstain) {
  Rows rows =
      Conversations({{{U, kAsk}, {U, kAsk}}, {{U, kAsk}}, {{U, kAsk}, {S, kAnswer}}}, {0, 0, 1});
  rows.truncated = {1, 0, 1};
  const StageRun run = Shaped("{name: rlaar, abstain: 2}", rows);
  ExpectNear(run.rows.reward, {0.01, 2.01, 1.01}, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "rlaar/cut_off"), 1.0 / 3, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "rlaar/abstained"), 1, 1e-12);
}

TEST(ConversationShapings, UnknownIllocutionsChangeNothing) {
  const Rows rows = Conversations(
      {{{Illocution::kUnknown, kAsk}, {U, kAsk}}, {{Illocution::kUnknown, kAnswer}}}, {1, 0});
  ExpectNear(Shaped("{name: gril}", rows).rows.reward, rows.reward, 0);
  // rlaar looks at the last turn: row 0 abstains.
  ExpectNear(Shaped("{name: rlaar}", rows).rows.reward, {1.01, rows.reward[1]}, 1e-12);
}

}  // namespace
}  // namespace rlvr
