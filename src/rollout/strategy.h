// How the trajectories of one group come about: all from the prompt, from chosen tokens of others,
// or from a tree search. A strategy asks round by round for segments below segments that the tree
// already has; the scheduler samples those of all groups together. What it asks for depends on its
// own tree alone, so trees have the same bits whatever else is sampled beside them. Every token has
// the log-prob that training computes (docs/rollouts.md).
#ifndef RLVR_ROLLOUT_STRATEGY_H_
#define RLVR_ROLLOUT_STRATEGY_H_
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rollout/rollout.h"
#include "rollout/scheduler.h"

namespace rlvr {

// CURE's first stage, arXiv:2508.11016: `first` responses from the prompt, then `branches` from
// each of `cuts` tokens of each. A branch goes on before the chosen token, which it draws anew.
// first (1 + cuts branches) trajectories.
struct BranchSettings {
  int first = 4, branches = 3, cuts = 1;
  // Where a response of L tokens is cut:
  //   entropy  at tokens drawn from the top_k of highest entropy, among those that count
  //   random   the same of top_k drawn tokens: the paper's ablation
  //   even     at floor(L k / (cuts + 1)), k = 1 ... cuts
  // For the first two a token counts unless it is the first, special, or text of fewer than
  // min_characters once white space is cut off its ends (the paper's: 2). Where too few do, branches
  // start at the prompt.
  std::string at = "entropy";
  int top_k = 20, min_characters = 2;
  // once: the prefix is prompt of its branches, which have max_tokens of their own.
  // per_trajectory: it is a part of the branch's response, in the loss and in max_tokens.
  std::string prefix = "once";
};

// DeepSearch's tree search, arXiv:2509.25454 (defaults: the released code's and its script's).
// A response is cut in max_depth steps of max_tokens / max_depth tokens; a step is a node.
struct SearchSettings {
  int max_depth = 64, width = 8;  // children of an expanded node
  // Among siblings: Q + lambda sqrt(ln N_parent / N), Q = value / N.
  double lambda = 2;
  // After a trajectory has ended, the frontier node with the largest
  //   lambda1 tanh(Q_parent) + lambda2 H(node) + lambda3 d(node) + lambda4 tanh(Q)
  // (frontier), or the root's siblings again (uct). H: mean -logp of its tokens, only with
  // uncertainty; d: sqrt(depth / max_depth), log(depth + 1) or depth (linear).
  std::string backtrack = "frontier", depth_bonus = "sqrt";
  bool uncertainty = false;
  double lambda1 = 0.4, lambda2 = 0.4, lambda3 = 0.01, lambda4 = 0;
  double min_weight = 0.1;       // of a back-up
  double incomplete_value = -1;  // of a trajectory that was cut off without an answer
  bool deterministic = true;     // the best sibling; else one from softmax of the sibling scores
};

struct StrategySettings {
  std::string name = "independent";  // independent, branch, tree
  BranchSettings branch;
  SearchSettings tree;
};

// What a search learns of a finished trajectory.
struct LeafJudgement {
  bool right = false, answered = false;
};

struct GrowthContext {
  int num_samples = 1;
  int64_t max_tokens = 1;  // of a response
  RandomKey key{0};        // the request's; children below 2^32 are samples'
  const Tokenizer* tokenizer = nullptr;
  std::function<LeafJudgement(const Tree&, const Leaf&)> judge;
};

// The growing tree of one group.
class Growth {
 public:
  virtual ~Growth() = default;
  // What to sample next (`request` is the caller's to fill). grown: the segments that came of the
  // last answer, in its order. Empty: the tree is whole, its leaves are the group's trajectories,
  // and no segment is left that no leaf needs. It is not asked again.
  virtual std::vector<Expansion> Next(Tree* tree, std::span<const Grown> grown) = 0;
};
std::unique_ptr<Growth> MakeGrowth(const StrategySettings& settings, GrowthContext context);
std::unique_ptr<Growth> MakeBranchGrowth(const BranchSettings& settings, GrowthContext context);
std::unique_ptr<Growth> MakeSearchGrowth(const SearchSettings& settings, GrowthContext context);

// Throws Error if they do not go together. place: of the recipe, for its message.
void ValidateStrategy(const std::string& place, const StrategySettings& settings, int num_samples,
                      int64_t max_tokens);

// Cuts a segment without children before its token at `offset`, 0 < offset < n. The rest becomes a
// new segment below it, at the end of tree->segments, whose index is returned; leaves follow it.
int32_t SplitSegment(int32_t segment, int64_t offset, Tree* tree);

// A leaf for each trajectory that has ended, with what its conversation came to.
void AddLeaves(std::span<const Grown> grown, Tree* tree);

// Drops the segments that no leaf needs; the others keep their order.
void PruneToLeaves(Tree* tree);

// Positions of a response at which CURE may branch, best first: at most top_k of those that count,
// in falling order of `rank` (ties: the earlier token first).
std::vector<int64_t> BranchCandidates(const Tokenizer& tokenizer, std::span<const int32_t> tokens,
                                      std::span<const float> rank, int top_k,
                                      int min_characters = 2);

// --- the numbers of the search
double SiblingScore(double value, int64_t visits, int64_t parent_visits, double lambda);
struct FrontierTerms {
  double q_parent = 0, q = 0, mean_surprise = 0;  // the last: mean -logp of the node's tokens
  int depth = 1;
};
double FrontierScore(const SearchSettings& settings, const FrontierTerms& node);
// The value of a node at `depth` after a trajectory of `length` nodes (its root counts, depth 0)
// has ended with `outcome`: w = max((depth + 1) / length, min_weight) times the outcome is added
// where signs agree; a negative value gives way to a positive outcome, a positive one stays.
double BackUp(double value, double outcome, int depth, int length, double min_weight);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_STRATEGY_H_
