// Conversations: the policy's turns alternate with those of another side (a user, a tool, a game).
// In the tree a conversation is a chain below the prompt: policy, environment, policy, ... Loss is
// on what the policy wrote, token for token as sampled; the environment's segment holds what the
// chat template puts between two turns, with its messages. The KV cache of a conversation stays
// from turn to turn, and all conversations decode in one continuous batch.
#ifndef RLVR_ROLLOUT_CONVERSATION_H_
#define RLVR_ROLLOUT_CONVERSATION_H_
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/chat.h"
#include "tree/tree.h"

namespace rlvr {

// One turn of the policy, as the other side sees it.
struct PolicyTurn {
  int turn = 0;                   // 0 for the first
  std::string text;               // without special tokens
  int64_t num_tokens = 0;         // with them
  Finish finish = Finish::kStop;  // kLength: cut off by max_tokens
};

struct Reply {
  std::vector<Message> messages;  // what the policy reads before its next turn; empty when done
  bool done = false;              // the policy has no further turn
  TurnOutcome outcome;            // of the policy's turn that is replied to
};

// Of a whole conversation.
struct ConversationResult {
  Verdict verdict = Verdict::kWrong;
  std::string answer;  // the last attempt's; empty: none
  float score = 0;     // becomes Leaf::score
  // Counted for the step's metrics, under "env/NAME"; the mean over conversations is reported.
  std::map<std::string, double> metrics;
  std::string failure;  // why it was aborted, where it was
};

// Models of the run that conversations ask. Whoever asks waits, on a thread of its own, until the
// thread that samples lets the models answer all who wait, in one batch.
class AskedModels {
 public:
  virtual ~AskedModels() = default;
  virtual int64_t num_waiting() const = 0;
  // On the thread that samples, since models share the process's threads. Throws what cannot be
  // blamed on one question; then nobody waits any longer either.
  virtual void Answer() = 0;
  // Those who wait get ConversationFailed: nobody wants to know any more.
  virtual void Refuse() = 0;
};

// The other side of one conversation. A call is made by one thread at a time.
class Conversation {
 public:
  virtual ~Conversation() = default;
  // Called once after every turn of the policy. May throw ConversationFailed.
  virtual Reply Step(const PolicyTurn& turn) = 0;
  // Called once, at the end. kStop: Step said done; kLength: the limit of turns or tokens was hit.
  virtual ConversationResult End(Finish finish) = 0;
  // Step and End wait for somebody else (another process, the network): they get a thread of their
  // own, so that nobody else waits. They must return some day (a time limit is theirs to keep), and
  // must not use ParallelFor.
  virtual bool blocks() const { return false; }
  // The models that Step may wait for, if it does; then it blocks. They outlive the conversation.
  virtual AskedModels* asks() const { return nullptr; }
};

// This conversation cannot go on; others can. The trajectory ends as kAborted with this verdict
// (kTimedOut or kBroken), is counted and does not train.
class ConversationFailed : public Error {
 public:
  ConversationFailed(Verdict verdict, const std::string& place, const std::string& what)
      : Error(place, what, "the conversation is left out"), verdict(verdict) {}
  Verdict verdict;
};

// Of every conversation.
struct ConversationLimits {
  int max_turns = 12;      // of the policy
  int64_t max_tokens = 0;  // of all turns of both sides, after the prompt; 0: the model's context.
                           // RolloutOptions::max_tokens is of one turn
};

// A fresh conversation for sample i of a group. Same i, same conversation.
using ConversationMaker = std::function<std::unique_ptr<Conversation>(int sample)>;

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_CONVERSATION_H_
