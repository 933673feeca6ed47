#include "rollout/strategy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace rlvr {
namespace {

class IndependentGrowth : public Growth {
 public:
  explicit IndependentGrowth(GrowthContext context) : context_(std::move(context)) {}

  std::vector<Expansion> Next(Tree* tree, std::span<const Grown> grown) override {
    if (grown.empty())
      return {
          {.parent = 0, .num_samples = context_.num_samples, .max_tokens = context_.max_tokens}};
    AddLeaves(grown, tree);
    return {};
  }

 private:
  GrowthContext context_;
};

}  // namespace

void AddLeaves(std::span<const Grown> grown, Tree* tree) {
  for (const Grown& g : grown) {
    Leaf& leaf = tree->leaves.emplace_back();
    leaf.segment = g.segment;
    leaf.finish = g.finish;
    if (!g.result) continue;
    leaf.verdict = g.result->verdict;
    leaf.answer = g.result->answer;
    leaf.score = leaf.reward = g.result->score;
    for (const int32_t s : tree->Path(g.segment))
      leaf.reward += tree->segments[static_cast<size_t>(s)].outcome.reward;
  }
}

void ValidateStrategy(const std::string& place, const StrategySettings& s, int num_samples,
                      int64_t max_tokens) {
  const BranchSettings& b = s.branch;
  const int made = b.first * (1 + b.cuts * b.branches);
  if (s.name == "branch" && made != num_samples) {
    throw Error(place,
                fmt::format("first {}, cuts {} and branches {} make {} responses, group_size is {}",
                            b.first, b.cuts, b.branches, made, num_samples),
                "they must agree: first (1 + cuts branches) = group_size");
  }
  if (s.name == "branch" && b.at != "even" && b.cuts > b.top_k) {
    throw Error(place, fmt::format("cuts is {} of top_k {}", b.cuts, b.top_k), "raise top_k");
  }
  if (s.name == "tree" && max_tokens % s.tree.max_depth != 0) {
    throw Error(
        place,
        fmt::format("max_tokens {} is no multiple of max_depth {}", max_tokens, s.tree.max_depth),
        "a step has max_tokens / max_depth tokens: change one of them");
  }
}

std::unique_ptr<Growth> MakeGrowth(const StrategySettings& settings, GrowthContext context) {
  ValidateStrategy("rollout.strategy", settings, context.num_samples, context.max_tokens);
  if (settings.name == "branch") return MakeBranchGrowth(settings.branch, std::move(context));
  if (settings.name == "tree") return MakeSearchGrowth(settings.tree, std::move(context));
  RLVR_CHECK(settings.name == "independent") << settings.name;
  return std::make_unique<IndependentGrowth>(std::move(context));
}

int32_t SplitSegment(int32_t segment, int64_t offset, Tree* tree) {
  const auto index = static_cast<int32_t>(tree->segments.size());
  for (const Segment& s : tree->segments)
    RLVR_CHECK(s.parent != segment) << "segment " << segment << " has children";
  tree->segments.emplace_back();
  Segment& head = tree->segments[static_cast<size_t>(segment)];
  Segment& rest = tree->segments.back();
  RLVR_CHECK(offset > 0 && offset < static_cast<int64_t>(head.tokens.size())) << offset;
  rest.parent = segment;
  rest.author = head.author;
  rest.sample = head.sample;
  rest.value = head.value;
  const auto move = [offset](auto* from, auto* to) {
    if (from->empty()) return;
    to->assign(from->begin() + offset, from->end());
    from->resize(static_cast<size_t>(offset));
  };
  move(&head.tokens, &rest.tokens);
  move(&head.logp, &rest.logp);
  move(&head.entropy, &rest.entropy);
  move(&head.sampler_logp, &rest.sampler_logp);
  for (Leaf& leaf : tree->leaves) {
    if (leaf.segment == segment) leaf.segment = index;
  }
  return index;
}

void PruneToLeaves(Tree* tree) {
  std::vector<int32_t> index(tree->segments.size(), -1);  // new index of each segment
  index[0] = 0;
  for (const Leaf& leaf : tree->leaves) {
    for (const int32_t s : tree->Path(leaf.segment)) index[static_cast<size_t>(s)] = 0;
  }
  std::vector<Segment> kept;
  for (size_t s = 0; s < index.size(); ++s) {
    if (index[s] < 0) continue;
    index[s] = static_cast<int32_t>(kept.size());
    kept.push_back(std::move(tree->segments[s]));
    int32_t& parent = kept.back().parent;
    if (parent >= 0) parent = index[static_cast<size_t>(parent)];
  }
  tree->segments = std::move(kept);
  for (Leaf& leaf : tree->leaves) leaf.segment = index[static_cast<size_t>(leaf.segment)];
}

}  // namespace rlvr
