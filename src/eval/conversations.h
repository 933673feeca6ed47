// Environments in rollouts: their openings as prompts, fresh conversations for all samples of a
// group, and what they came to.
#ifndef RLVR_EVAL_CONVERSATIONS_H_
#define RLVR_EVAL_CONVERSATIONS_H_
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "data/data.h"
#include "env/environment.h"
#include "rollout/rollout.h"

namespace rlvr {

// Gives each request the messages that an environment opens its prompt with as root, and
// conversations of its own. The requests' keys must be set; environments draw from children of them
// that no sample has. Environments that block are reset side by side. One that fails to open costs
// its group: all its conversations are aborted, after a turn to the prompt's own messages. What is
// made stays valid as long as `maker`.
void OpenConversations(EnvironmentMaker* maker, const Tokenizer& tokenizer,
                       std::span<const Prompt> prompts, std::span<RolloutRequest> requests);

// What conversations came to, for metrics.
class ConversationTally {
 public:
  // Of one group: its tree as sampled, and its entry of RolloutStats::results.
  void Add(const Tree& tree, std::span<const ConversationResult> results);
  int64_t num_conversations() const { return all_; }
  // Shares of all conversations: "aborted", of these by verdict "timed_out" and "broken". Means
  // over those that were not aborted: "num_turns", and each of ConversationResult::metrics over
  // those that name it. Empty without conversations.
  std::map<std::string, double> Means() const;
  const std::string& first_failure() const { return first_failure_; }

 private:
  struct Sum {
    double value = 0, count = 0;
  };
  int64_t all_ = 0, aborted_ = 0, timed_out_ = 0;
  std::map<std::string, Sum> sums_;
  std::string first_failure_;
};

// The policy's turns of a trajectory: runs of its segments.
int64_t NumTurns(const Tree& tree, const Leaf& leaf);

}  // namespace rlvr
#endif  // RLVR_EVAL_CONVERSATIONS_H_
