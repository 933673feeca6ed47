// Groups that come to the sampling loop, and leave it, while it runs. What is sampled ahead of need can
// be cancelled; what has ended can be judged while the rest is sampled.
#ifndef RLVR_ROLLOUT_FEED_H_
#define RLVR_ROLLOUT_FEED_H_
#include <cstdint>
#include <optional>
#include <vector>

#include "rollout/rollout.h"

namespace rlvr {

// Its functions are called on the thread that samples and must not sample themselves. Groups have
// numbers: those that Next gave out, from 0.
class GroupFeed {
 public:
  virtual ~GroupFeed() = default;
  // Asked before a pass while slots are free; nullopt: no group at the moment.
  virtual std::optional<RolloutRequest> Next() = 0;
  // All samples of the group have ended; its tree is as Rollout's. results: as
  // RolloutStats::results. Not of groups that were cancelled.
  virtual void Ended(int64_t group, Tree tree, std::vector<ConversationResult> results) = 0;
  // Asked before every pass, and so not to take long: groups that nobody wants any more. Each is
  // named once; one that has ended may be among them.
  virtual std::vector<int64_t> TakeCancelled() = 0;
  // Nothing is left to sample and Next has nothing. Waits until that may have changed, but not for
  // long, since the user may want to stop; false: sampling is over.
  virtual bool Wait() = 0;
};

// Samples the groups of the feed, all trajectories from the prompt, until Wait says that it is over.
// A group has the same bits as Rollout gives it, whatever is sampled beside it. Slots and cache of a
// cancelled group are free at the next pass; a reply that one of its conversations waits for is
// awaited and not read. stats->results stays empty. Otherwise as Rollout.
void RolloutFeed(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
                 GroupFeed* feed, RolloutStats* stats = nullptr);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_FEED_H_
