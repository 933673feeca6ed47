// Recorded conversations judged again by the protocol's rules: do they give the recorded scores?
// (docs/lost_in_conversation.md)
#ifndef RLVR_EVAL_LOST_IN_CONVERSATION_REPLAY_H_
#define RLVR_EVAL_LOST_IN_CONVERSATION_REPLAY_H_
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/conversation_metrics.h"
#include "tree/tree.h"
#include "verify/verify.h"

namespace rlvr {

// One turn of a recorded assistant, with what the recorder made of it.
struct RecordedTurn {
  std::string user, assistant;
  TurnStrategy strategy = TurnStrategy::kUnknown;
  std::string answer;           // extracted from an attempt; empty if none was found
  std::optional<double> score;  // of an attempt, 0 or 1
  int num_revealed = 0;         // shards that the user had told before this turn
  bool all_revealed = false;
};

struct RecordedConversation {
  std::string task_id, model, ground_truth;
  int num_shards = 0;  // that some conversation about this task revealed
  std::vector<RecordedTurn> turns;
};

// turns: one JSON object a line: task_id, model, turn (from 1), revealed, n_shards, all_revealed,
// user, assistant, response_type, exact_answer, score. instructions: lines with task_id and
// ground_truth. Damage, a gap in the turns and a task without ground truth are Errors with the
// line.
std::vector<RecordedConversation> ReadRecordedConversations(const std::string& turns,
                                                            const std::string& instructions);

// Why a conversation's score by the protocol is not that of its last recorded attempt.
enum class ReplayDifference : uint8_t {
  kNone,
  kNoAttempt,      // nothing recorded; the protocol gives 0
  kStoppedEarlier  // the protocol ends at the first right attempt; the recorder went on, and the
                   // last attempt that it recorded was wrong
};

// One conversation by the protocol's loop, with the recorded strategies and answers: an attempt is
// scored; a right one ends the conversation; its score is that of the last attempt, 0 without one.
struct ReplayedConversation {
  std::vector<std::optional<double>> scores;  // [turns replayed] of attempts
  double score = 0;                           // 0 or 1
  std::optional<double> recorded;             // of the last recorded attempt
  ReplayDifference difference = ReplayDifference::kNone;
};
ReplayedConversation ReplayConversation(const RecordedConversation& conversation,
                                        const Verifier& verifier);

// The same turns with strategies and answers by rules (ReadTurn) in the place of a model's.
// whole_text: an attempt's answer is its whole text, of which a verifier takes what it looks for.
RecordedConversation ReadAgainByRules(const RecordedConversation& conversation, bool whole_text);

// The protocol by rules against the protocol with the recorded strategies and answers.
struct RulesCounts {
  int64_t same_scores = 0, right_by_rules_alone = 0, right_by_record_alone = 0;  // conversations
  double score = 0;  // mean over conversations, [0, 100]
};

struct ReplayCounts {
  int64_t conversations = 0, turns = 0, attempts = 0;
  int64_t same_turn_scores = 0;  // of all recorded attempts, those after the protocol's end too
  int64_t same_scores = 0, no_attempt = 0, stopped_earlier = 0;  // conversations
  int64_t turns_after_end = 0;       // recorded after the protocol's end
  int64_t conversations_cut = 0;     // that the protocol ends before their record does
  int64_t never_fully_revealed = 0;  // the record ends with shards untold
  double score = 0, recorded = 0;    // means over conversations, [0, 100]; without attempt 0
  RulesCounts rules, rules_whole_text;
  ConversationSummary summary;  // of the replayed part; `specified` is "all shards revealed"
};
// By model, and all together under "all".
std::map<std::string, ReplayCounts> Replay(const std::vector<RecordedConversation>& conversations,
                                           const Verifier& verifier);

// The same as text: what was replayed, what differs and why, the metrics.
std::string ReplayTable(const std::map<std::string, ReplayCounts>& counts);

}  // namespace rlvr
#endif  // RLVR_EVAL_LOST_IN_CONVERSATION_REPLAY_H_
