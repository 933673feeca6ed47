// What one step samples and makes of it.
#ifndef RLVR_TRAIN_STEP_BATCH_H_
#define RLVR_TRAIN_STEP_BATCH_H_
#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/data.h"
#include "objective/objective.h"
#include "rollout/rollout.h"
#include "train/recipe.h"
#include "tree/tree.h"

namespace rlvr {

// The groups of one step and what it took to get them.
struct StepBatch {
  std::vector<Prompt> prompts;  // of the kept groups
  std::vector<Tree> trees;      // likewise, in the order of the prompts
  Rows rows;                    // likewise: one row a trajectory
  int64_t sampled_groups = 0;   // up to the last one that was kept; others count nowhere but below
  int64_t rounds = 0;           // that those fill, of rollout.gen_prompts prompts
  int64_t position = 0;         // in the order of the prompts, after the last one sampled
  struct Sampled {
    int64_t row = 0, samples = 0, right = 0;
  };
  std::vector<Sampled> outcomes;                // of every sampled group, kept or not
  int64_t solve_none = 0, solve_all = 0;        // of the sampled groups
  int64_t verdicts[4] = {}, sampled = 0;        // of the sampled trajectories, without aborted ones
  std::map<std::string, double> conversations;  // ConversationTally::Means, with an environment
  RolloutStats rollout;
  std::vector<MetricTerm> terms;  // of rewards, reward shaping and advantages
  // Begun and not needed: they depend on the clock, as `rollout` does, which counts all sampling.
  int64_t groups_in_vain = 0, tokens_in_vain = 0;
  // reward: beside sampling. judge: of verdicts, also where others were sampled meanwhile.
  double seconds_rollout = 0, seconds_reward = 0, seconds_judge = 0;

  std::vector<const Tree*> Pointers() const {
    std::vector<const Tree*> pointers;
    for (const Tree& tree : trees) pointers.push_back(&tree);
    return pointers;
  }
};

// Groups in a mini-batch of a batch of n. Replayed groups make mini-batches larger, not more.
inline int64_t MiniBatchGroups(const Recipe& recipe, int64_t n) {
  const int64_t own = recipe.data.prompts_per_step, mini = recipe.update.mini_batch_prompts;
  if (mini == 0) return n;
  const int64_t updates = (own + mini - 1) / mini;
  return n == own ? mini : (n + updates - 1) / updates;
}

// Calls body(begin, end, trees [begin, end)) for each mini-batch, in order.
template <class Body>
void ForEachMiniBatch(const Recipe& recipe, std::span<const Tree* const> trees, Body body) {
  const auto n = static_cast<int64_t>(trees.size()), mini = MiniBatchGroups(recipe, n);
  for (int64_t begin = 0; begin < n; begin += mini) {
    const int64_t end = std::min(n, begin + mini);
    body(begin, end, trees.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  }
}

}  // namespace rlvr
#endif  // RLVR_TRAIN_STEP_BATCH_H_
