// Prompts + policy -> trees with log-prob and entropy per sampled token. Continuous batching: a
// finished sequence's slot is refilled at once; a prompt's KV is computed once for its group.
#ifndef RLVR_ROLLOUT_ROLLOUT_H_
#define RLVR_ROLLOUT_ROLLOUT_H_
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/model.h"
#include "rollout/conversation.h"
#include "rollout/sampler.h"
#include "rollout/speculation.h"
#include "text/tokenizer.h"
#include "tree/tree.h"

namespace rlvr {

struct RolloutOptions {
  SamplingOptions sampling;
  int64_t max_tokens = 256;       // of one response; in a conversation of one turn of the policy
  std::vector<std::string> stop;  // strings; the response ends with the token that completes one
  int64_t max_sequences = 128;    // decoded together; changes no sample, only speed and memory
  int64_t prefill_tokens = 2048;  // most prompt tokens in one prefill call
  bool interruptible = true;      // throw Interrupted when the user asks to stop
  ConversationLimits conversation;
  SpeculationOptions speculation;  // changes no sample, only speed and memory
  // What earlier calls sampled and measured, and this one's too when it ends; null: this call's alone.
  Speculation* drafts = nullptr;
};

// One group to sample: a tree whose root holds the prompt's tokens.
struct RolloutRequest {
  Tree tree;            // only the root segment; rollout adds the responses
  int num_samples = 1;  // G
  RandomKey key{0};     // sample i's token at response offset t uses key[i].Uniform(t)
  // Who the policy talks to; empty: nobody, a trajectory is one response. Called for sample i when its
  // first turn has ended; may throw ConversationFailed.
  ConversationMaker conversation;
};

struct RolloutStats {
  int64_t prompt_tokens = 0, sampled_tokens = 0;
  int64_t reply_tokens = 0;  // of the other sides of conversations
  int64_t decode_steps = 0, kv_bytes = 0;
  // Speculation: sequences of all decode steps, the drafts behind them, and those of them that became
  // tokens: decoded_sequences + accepted_tokens were decoded, the first of each sequence aside.
  int64_t decoded_sequences = 0, draft_tokens = 0, accepted_tokens = 0;
  double seconds = 0;
  // What the conversations came to, as their trees' leaves: [requests][samples], or nothing for a
  // request without them. Of one call, unlike the sums above.
  std::vector<std::vector<ConversationResult>> results;
};

// Conversations: a leaf has the verdict, answer and score of ConversationResult; its reward is the
// score and the rewards of its turns. One that failed has Finish::kAborted. finish is kLength where a
// limit was hit or the last turn was cut off. Only the strategy `independent` goes with them. While a
// blocking other side thinks, its conversation leaves its place to others; as many as max_sequences
// may wait so beside those that decode.
//
// Same requests, same trees, bit for bit, whatever max_sequences, order and number of threads, with
// and without speculation, and whoever's reply comes first. A prompt longer than the model's context minus one is an Error naming
// the prompt's index. eos: the model's eos_token_ids end a response (the eos token is part of it,
// with its log-prob). progress(finished leaves, total leaves) may be empty. Throws Interrupted if
// InterruptRequested().
std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& options, std::vector<RolloutRequest> requests,
                          RolloutStats* stats = nullptr,
                          const std::function<void(int64_t, int64_t)>& progress = {});

// What Rollout requires of a request: throws Error naming the prompt.
void CheckRequest(const Model& model, const RolloutRequest& request);

struct StrategySettings;  // rollout/strategy.h
struct LeafJudgement;
// (index of the request, its tree so far, a trajectory that has ended) -> what a search is told.
using LeafJudge = std::function<LeafJudgement(int64_t, const Tree&, const Leaf&)>;

// The same with another way to the group's trajectories than all from the prompt. judge may be
// empty where the strategy asks for none (only `tree` does).
std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& options, const StrategySettings& strategy,
                          const LeafJudge& judge, std::vector<RolloutRequest> requests,
                          RolloutStats* stats = nullptr,
                          const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_ROLLOUT_H_
