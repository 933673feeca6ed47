// One round of sampling: new segments below segments that trees already have. Continuous batching:
// a finished sequence's slot is refilled at once.
#ifndef RLVR_ROLLOUT_SCHEDULER_H_
#define RLVR_ROLLOUT_SCHEDULER_H_
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/model.h"
#include "rollout/rollout.h"
#include "text/tokenizer.h"

namespace rlvr {

// num_samples new segments, each going on from the end of `parent`.
struct Expansion {
  int64_t request = 0;       // whose tree grows
  int32_t parent = 0;        // its last segment so far; the root's first time
  int32_t first_sample = 0;  // Segment::sample of the first of them; the next ones count on
  int32_t num_samples = 1;
  int64_t max_tokens = 1;  // of each new segment
};

// A segment that has been sampled; of a conversation the last of its segments.
struct Grown {
  int32_t segment = 0;
  Finish finish = Finish::kStop;
  bool open = false;  // it ended only because it has max_tokens: it could go on
  std::optional<ConversationResult> result;  // of a conversation
};

// Appends the new segments to the requests' trees (no leaves), and returns them, both in the order
// of the expansions. Same bits whatever options.max_sequences and the number of threads: the token of
// sample i at offset t of the response, counted from the end of the root, is drawn with
// key[i].Uniform(t). The path of a parent is run again from its root, once for all its samples. Where
// the request has conversations, a sample's turns and replies follow each other in the tree. on_end
// (may be empty) is called at every trajectory's end.
std::vector<Grown> SampleSegments(const Model& model, const Tokenizer& tokenizer,
                                  const RolloutOptions& options, std::span<RolloutRequest> requests,
                                  std::span<const Expansion> expansions, RolloutStats* stats,
                                  const std::function<void()>& on_end);

class GroupFeed;  // rollout/feed.h, which says what this does
void SampleFeed(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
                GroupFeed* feed, RolloutStats* stats);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_SCHEDULER_H_
