// The rollout tree: the one data structure that rollout fills, verifiers judge, objectives weigh
// and training packs. A tree has one root (the prompt); a GRPO group is a root with G children; a
// conversation is a chain of segments with alternating authors; a branch is a child in
// mid-response.
#ifndef RLVR_TREE_TREE_H_
#define RLVR_TREE_TREE_H_
#include <cstdint>
#include <string>
#include <vector>

namespace rlvr {

// kReplay: the policy of an earlier step; the segment keeps what sampling recorded then.
enum class Author : uint8_t { kPrompt, kPolicy, kEnvironment, kExpert, kReplay };
const char* ToString(Author author);

// A set of authors.
struct Authors {
  constexpr Authors(Author author) : bits(1u << static_cast<unsigned>(author)) {}  // NOLINT
  constexpr bool Contains(Author author) const {
    return (bits >> static_cast<unsigned>(author) & 1u) != 0;
  }
  unsigned bits;
};
constexpr Authors operator|(Authors a, Authors b) {
  a.bits |= b.bits;
  return a;
}
// Whose tokens reinforcement learning trains: the policy's, and those of an expert or of earlier
// steps where a recipe adds their rows.
inline constexpr Authors kTrained =
    Authors(Author::kPolicy) | Authors(Author::kExpert) | Author::kReplay;

// Why a trajectory ended.
enum class Finish : uint8_t { kStop, kLength, kAborted };
const char* ToString(Finish finish);  // "stop", "length", "aborted"

// The four outcomes of a verifier; only the first two say something about the answer.
enum class Verdict : uint8_t { kRight, kWrong, kTimedOut, kBroken };
const char* ToString(Verdict verdict);

// Whether what the user has said so far can be answered (ICPO, arXiv:2601.15330).
enum class Illocution : int8_t { kUnknown, kSpecified, kUnderspecified };
const char* ToString(Illocution illocution);  // "unknown", "specified", "underspecified"

// What a policy's turn does; the seven classes of "LLMs Get Lost In Multi-Turn Conversation",
// arXiv:2505.06120 (verify/turn_strategy.h).
enum class TurnStrategy : int8_t {
  kUnknown,  // nobody has looked
  kAnswerAttempt,
  kClarification,
  kInterrogation,
  kDiscussion,
  kHedge,
  kRefuse,
  kMissing,
};
inline constexpr int kNumTurnStrategies = 8;              // with kUnknown
const char* ToString(TurnStrategy strategy);              // "answer_attempt", "clarification", ...
TurnStrategy ParseTurnStrategy(const std::string& name);  // throws Error

// What the other side of a conversation made of one turn of the policy.
struct TurnOutcome {
  float reward = 0;                              // of this turn alone
  Illocution illocution = Illocution::kUnknown;  // of the request as it stood before the turn
  TurnStrategy strategy = TurnStrategy::kUnknown;
  bool right = false;  // it was an answer attempt, and right
};

// A run of tokens with one author. Children continue at the segment's end.
struct Segment {
  int32_t parent = -1;  // index in Tree::segments, always smaller than its own; -1 for the root
  Author author = Author::kPrompt;
  std::vector<int32_t> tokens;  // [n]
  std::vector<float>
      logp;  // [n] for kPolicy and kReplay, else empty: log softmax(z / T) of the sampled token
  std::vector<float> entropy;       // [n] likewise, nats
  std::vector<float> sampler_logp;  // [n] only where the sampler departed from softmax(z / T)
                                    // (top-k, top-p, min-p)
  int32_t sample = -1;              // index of the sample in its group, for the random key
  float value = 0;                  // what a tree search backed up to here; else 0
  TurnOutcome outcome;              // of a policy's turn in a conversation
};

// A path from the root to a segment that ended a trajectory.
struct Leaf {
  int32_t segment = 0;
  Finish finish = Finish::kStop;
  Verdict verdict = Verdict::kWrong;
  std::string answer;  // what the verifier extracted; for majority votes
  float score = 0;     // the verifier's (acc is verdict == kRight)
  float reward = 0;    // score plus shaping (overlong punishment) plus the turns' own rewards: what
                       // training sees
  int64_t prefix = 0;  // tokens of other samples that its response begins with and that are prompt
                       // to it: its row in training has the tokens after them
};

// One root and all below it. Never split over micro-batches: the unit of gradient sums.
struct Tree {
  int64_t prompt_index = 0;  // row of the prompt in its data set
  int64_t occurrence = 0;    // how often the run had drawn this prompt before
  std::string data_source;
  std::string family;  // of prompts, by the recipe's data.group_key; empty: none
  std::vector<Segment> segments;
  std::vector<Leaf> leaves;

  std::vector<int32_t> Path(int32_t segment) const;  // segment indices, root first
  int64_t PathLength(int32_t segment) const;         // tokens from the root to the segment's end
  int64_t StartPosition(int32_t segment) const;      // path position of its first token
  std::vector<int32_t> ResponseTokens(const Leaf& leaf) const;  // on the path, of kTrained authors,
                                                                // with leaf.prefix
  int64_t NumTokens() const;                                    // each segment once
};

}  // namespace rlvr
#endif  // RLVR_TREE_TREE_H_
