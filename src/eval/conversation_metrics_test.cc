#include "eval/conversation_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rlvr {
namespace {

TEST(Percentile, AsNumpy) {
  // numpy.percentile([15, 20, 35, 40, 50], 40) = 29: position 4 * 0.4 = 1.6, 20 + 0.6 * 15.
  EXPECT_NEAR(Percentile({50, 15, 40, 20, 35}, 40), 29, 1e-12);
  EXPECT_NEAR(Percentile({7}, 90), 7, 1e-12);
  EXPECT_NEAR(Percentile({10, 20}, 0), 10, 1e-12);
  EXPECT_NEAR(Percentile({10, 20}, 100), 20, 1e-12);
  EXPECT_NEAR(Percentile({10, 20}, 90), 19, 1e-12);
}

// Positions 0.9 * 9 = 8.1 and 0.1 * 9 = 0.9 among ten sorted scores of 0 and 100.
//   m = 1: only the last is 100, so P90 = 0 + 0.1 * 100.   m = 9: only the first is 0, P10 = 90.
TEST(ScoresOfRuns, TenBinaryScores) {
  for (int m = 0; m <= 10; ++m) {
    std::vector<double> scores(10, 0.0);
    for (int i = 0; i < m; ++i) scores[static_cast<size_t>(i)] = 100;
    const RunScores s = ScoresOfRuns(scores);
    const double A90 = m == 0 ? 0 : m == 1 ? 10 : 100, P10 = m == 10 ? 100 : m == 9 ? 90 : 0;
    EXPECT_NEAR(s.P, 10 * m, 1e-9) << m;
    EXPECT_NEAR(s.A90, A90, 1e-9) << m;
    EXPECT_NEAR(s.U90_10, A90 - P10, 1e-9) << m;
    EXPECT_NEAR(s.R90, 100 - (A90 - P10), 1e-9) << m;
  }
}

TEST(ScoresOfRuns, GradedScores) {
  // Sorted 20, 30, 50, 80, 100: positions 3.6 and 0.4, P90 = 80 + 0.6 * 20, P10 = 20 + 0.4 * 10.
  const RunScores s = ScoresOfRuns({50, 20, 100, 30, 80});
  EXPECT_NEAR(s.P, 56, 1e-9);
  EXPECT_NEAR(s.A90, 92, 1e-9);
  EXPECT_NEAR(s.U90_10, 68, 1e-9);
  EXPECT_NEAR(s.R90, 32, 1e-9);
}

TEST(FifthOf, MiddleOfTheTurn) {
  // Five shards: a fifth each. Four: middles at 1/8, 3/8, 5/8, 7/8. Two: 1/4, 3/4. One: 1/2.
  for (int t = 0; t < 5; ++t) EXPECT_EQ(FifthOf(t, 5, 1), t);
  EXPECT_EQ(FifthOf(0, 4, 4), 0);
  EXPECT_EQ(FifthOf(1, 4, 4), 1);
  EXPECT_EQ(FifthOf(2, 4, 4), 3);
  EXPECT_EQ(FifthOf(3, 4, 4), 4);
  EXPECT_EQ(FifthOf(0, 2, 1), 1);
  EXPECT_EQ(FifthOf(1, 2, 2), 3);
  EXPECT_EQ(FifthOf(0, 1, 1), 2);
  EXPECT_EQ(FifthOf(5, 3, 10), 2);  // a user who revealed nothing for long: 11/20
}

constexpr TurnStrategy kAttempt = TurnStrategy::kAnswerAttempt, kAsk = TurnStrategy::kClarification,
                       kTalk = TurnStrategy::kDiscussion;

// Two instructions of maths with two runs each, one of code with one.
std::vector<ScoredConversation> FiveRuns() {
  return {
      {.instruction = 3,
       .task = "math",
       .score = 0,
       .num_shards = 2,
       .turns = {{kAttempt, false, false}, {kAttempt, true, false}}},
      {.instruction = 3,
       .task = "math",
       .score = 100,
       .num_shards = 2,
       .turns = {{kAsk, false, false}, {kAttempt, true, true}}},
      {.instruction = 7,
       .task = "math",
       .score = 0,
       .num_shards = 2,
       .turns = {{kAsk, false, false}, {kTalk, true, false}}},
      {.instruction = 7,
       .task = "math",
       .score = 100,
       .num_shards = 2,
       .turns = {{kAttempt, false, true}}},
      {.instruction = 9,
       .task = "code",
       .score = 50,
       .num_shards = 1,
       .turns = {{kAttempt, true, false}}},
  };
}

TEST(Summarize, HandWorked) {
  const ConversationSummary s = Summarize(FiveRuns(), RandomKey(1));
  EXPECT_EQ(s.num_instructions, 3);
  EXPECT_EQ(s.num_conversations, 5);
  EXPECT_EQ(s.num_turns, 8);
  // Instruction 3: scores 0, 100: P 50, P90 90, P10 10. So is 7. Instruction 9: 50, 50, 0.
  // Mean of maths 50, of code 50; A90 (90 + 50) / 2; U (80 + 0) / 2.
  EXPECT_NEAR(s.P.mean, 50, 1e-9);
  EXPECT_NEAR(s.A90.mean, 70, 1e-9);
  EXPECT_NEAR(s.U90_10.mean, 40, 1e-9);
  EXPECT_NEAR(s.R90.mean, 60, 1e-9);
  EXPECT_NEAR(s.P_of_task.at("code").mean, 50, 1e-9);
  EXPECT_NEAR(s.strategy_share[static_cast<size_t>(kAttempt)], 5.0 / 8, 1e-12);
  EXPECT_NEAR(s.strategy_share[static_cast<size_t>(kAsk)], 2.0 / 8, 1e-12);
  EXPECT_NEAR(s.strategy_share[static_cast<size_t>(kTalk)], 1.0 / 8, 1e-12);
  // First attempts: turn 0 of 2 (scores 0 and 100), turn 1 of 2 (100), the only turn (50), none.
  EXPECT_EQ(s.first_attempt[1].conversations, 2);
  EXPECT_NEAR(s.first_attempt[1].P, 50, 1e-9);
  EXPECT_EQ(s.first_attempt[3].conversations, 1);
  EXPECT_NEAR(s.first_attempt[3].P, 100, 1e-9);
  EXPECT_EQ(s.first_attempt[2].conversations, 1);
  EXPECT_TRUE(std::isnan(s.first_attempt[0].P));
  EXPECT_NEAR(s.without_attempt, 1.0 / 5, 1e-12);
  // Maths: 2 attempts on the 4 turns before everything was said; 1 run of 2 each. Code: none.
  EXPECT_NEAR(s.premature_turns.mean, 0.5, 1e-12);
  EXPECT_NEAR(s.premature_conversations.mean, 0.25, 1e-12);
}

TEST(Summarize, OneTaskIsBootstrapMean) {
  std::vector<ScoredConversation> runs;
  std::vector<double> per_instruction;
  for (int i = 0; i < 40; ++i) {
    const double score = i % 3 == 0 ? 100 : 0;
    runs.push_back({.instruction = i, .task = "math", .score = score});
    per_instruction.push_back(score);
  }
  const Interval got = Summarize(runs, RandomKey(5)).P;
  const Interval want = BootstrapMean(per_instruction, RandomKey(5)[0]);
  EXPECT_NEAR(got.mean, want.mean, 1e-9);
  EXPECT_NEAR(got.low, want.low, 1e-9);
  EXPECT_NEAR(got.high, want.high, 1e-9);
  EXPECT_LT(got.low, got.mean);
}

TEST(Summarize, NoEarlyTurnsIsNoRate) {
  const auto s = Summarize({{.instruction = 0, .score = 100, .turns = {{kAttempt, true, true}}}},
                           RandomKey(1));
  EXPECT_TRUE(std::isnan(s.premature_turns.mean));
  EXPECT_EQ(s.premature_conversations.mean, 0);
  EXPECT_EQ(Summarize({}, RandomKey(1)).num_conversations, 0);
}

TEST(ScoreOverSeeds, MeanOfSeedsAndInstructions) {
  const auto summary = [](double a, double b, double c) {
    return Summarize({{.instruction = 0, .task = "math", .score = a},
                      {.instruction = 1, .task = "math", .score = b},
                      {.instruction = 2, .task = "math", .score = c}},
                     RandomKey(2));
  };
  const ConversationSummary one = summary(0, 50, 100), two = summary(100, 100, 100);
  // (150 / 3 + 300 / 3) / 2. The interval spans more than that of the instructions of one seed.
  const Interval both = ScoreOverSeeds({one, two}, &RunScores::P, RandomKey(4));
  EXPECT_NEAR(both.mean, 75, 1e-9);
  EXPECT_LT(both.low, 50);
  EXPECT_NEAR(both.high, 100, 1e-9);
  const Interval alone = ScoreOverSeeds({one}, &RunScores::P, RandomKey(4));
  const Interval want = BootstrapMean({0, 50, 100}, RandomKey(4));
  EXPECT_EQ(alone.mean, want.mean);
  EXPECT_EQ(alone.low, want.low);
  EXPECT_EQ(alone.high, want.high);
}

TEST(RelativeScore, PairsOverSharedInstructions) {
  const auto summary = [](const std::vector<std::pair<int64_t, double>>& scores) {
    std::vector<ScoredConversation> runs;
    for (const auto& [i, score] : scores)
      runs.push_back({.instruction = i, .task = "math", .score = score});
    return Summarize(runs, RandomKey(2));
  };
  const auto full = summary({{0, 80}, {1, 40}, {2, 60}, {5, 100}});
  const auto sharded = summary({{0, 40}, {1, 20}, {2, 30}, {4, 7}});
  // (40 + 20 + 30) / (80 + 40 + 60); half on every instruction, so on every resample.
  const Interval relative = RelativeScore(sharded, full, RandomKey(3));
  EXPECT_NEAR(relative.mean, 50, 1e-9);
  EXPECT_NEAR(relative.low, 50, 1e-9);
  EXPECT_NEAR(relative.high, 50, 1e-9);
  const auto zero = summary({{0, 0}, {1, 0}});
  EXPECT_TRUE(std::isnan(RelativeScore(sharded, zero, RandomKey(3)).mean));
  EXPECT_TRUE(std::isnan(RelativeScore(sharded, summary({{9, 1}}), RandomKey(3)).mean));
}

}  // namespace
}  // namespace rlvr
