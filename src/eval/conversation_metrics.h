// How good and how reliable a model is in conversations: the metrics of "LLMs Get Lost In
// Multi-Turn Conversation", arXiv:2505.06120. Every instruction is run N times; a run's score lies
// in [0, 100].
#ifndef RLVR_EVAL_CONVERSATION_METRICS_H_
#define RLVR_EVAL_CONVERSATION_METRICS_H_
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "eval/eval.h"
#include "tree/tree.h"

namespace rlvr {

// The q-th percentile (0 <= q <= 100) with linear interpolation between the order statistics at
// (n - 1) q / 100, as numpy does unless told otherwise. The paper does not say which; with scores
// of 0 and 100 it matters. values: not empty.
double Percentile(std::vector<double> values, double q);

// Of the N runs of one instruction.
struct RunScores {
  double P = 0;       // mean: averaged performance
  double A90 = 0;     // 90th percentile: aptitude
  double U90_10 = 0;  // 90th less 10th percentile: unreliability
  double R90 = 0;     // 100 - U90_10: reliability
};
RunScores ScoresOfRuns(const std::vector<double>& scores);

// One turn of the policy.
struct ScoredTurn {
  TurnStrategy strategy = TurnStrategy::kUnknown;
  bool specified = true;  // all that is required had been said before this turn
  bool right = false;
};

// One run of one instruction.
struct ScoredConversation {
  int64_t instruction = 0;  // its number; runs of the same number belong together
  std::string task;         // "math"; metrics are averaged over tasks at last
  double score = 0;         // of the last attempt, [0, 100]; 0 without an attempt
  int num_shards = 1;       // user turns that it takes to say everything, one shard a turn
  std::vector<ScoredTurn> turns;
};

// Conversations by when the first attempt came.
inline constexpr int kNumFifths = 5;
struct Fifth {
  int64_t conversations = 0;
  double P = 0;  // their mean score; NaN without conversations
};
// The fifth, 0 to 4, in which the middle of turn `turn` (from 0) lies, of a conversation as long as
// its shards or, if it took longer, its turns.
int FifthOf(int64_t turn, int64_t num_shards, int64_t num_turns);

struct ConversationSummary {
  int64_t num_instructions = 0, num_conversations = 0, num_turns = 0;
  // Means over instructions, then over tasks; 95 % by the bootstrap over instructions, task by
  // task.
  Interval P, A90, U90_10, R90;
  std::map<std::string, Interval> P_of_task;
  std::array<double, kNumTurnStrategies> strategy_share{};  // of all turns
  std::array<Fifth, kNumFifths> first_attempt;
  double without_attempt = 0;  // share of conversations
  // Attempts before all that is required was said, of the turns there (NaN where there is no such
  // turn), and conversations with such an attempt, of all.
  Interval premature_turns, premature_conversations;

  // One per instruction, by rising number: for comparisons and for CrossedBootstrap over seeds.
  std::vector<int64_t> instruction;
  std::vector<std::string> task;
  std::vector<RunScores> scores;
};
// No conversations: all 0.
ConversationSummary Summarize(const std::vector<ScoredConversation>& conversations, RandomKey key);

// All NaN: there is no such number.
Interval NoInterval();

// 100 P(a) / P(b), as the paper relates SHARDED and CONCAT to FULL, over the instructions that both
// have; resampled in pairs. NaN if P(b) is 0 or they share no instruction.
Interval RelativeScore(const ConversationSummary& a, const ConversationSummary& b, RandomKey key);

// A figure, such as &RunScores::P, of models of several seeds on the same instructions: the mean
// over both, with an interval that resamples both (crossed_bootstrap.h).
Interval ScoreOverSeeds(const std::vector<ConversationSummary>& seeds, double RunScores::*figure,
                        RandomKey key);

}  // namespace rlvr
#endif  // RLVR_EVAL_CONVERSATION_METRICS_H_
