#include "train/gradient_shards.h"

#include <algorithm>
#include <cstdlib>

namespace rlvr {
namespace {

using AddToGradient = std::function<void(int64_t, Gradient*)>;

// The sums of nodes of the tree over shards.
class NodeSums {
 public:
  NodeSums(const AddToGradient& add, Gradient* work) : add_(add), work_(work) {}

  AlignedBuffer<float> Sum(ShardRange node) {
    AlignedBuffer<float> sum(work_->size());
    Compute(node, &sum);
    return sum;
  }

 private:
  void ComputeShard(int64_t shard) {
    work_->Clear();
    add_(shard, work_);
    work_->Fold();
  }
  void Compute(ShardRange node, AlignedBuffer<float>* sum) {
    if (node.size() == 1) {
      ComputeShard(node.begin);
      std::copy_n(work_->body(), sum->size(), sum->data());
      return;
    }
    const int64_t cut = CutOf(node);
    Compute({node.begin, cut}, sum);
    if (node.end - cut == 1) {
      ComputeShard(cut);
      AddArray(work_->body(), sum->size(), sum->data());
    } else {
      const AlignedBuffer<float> right = Sum({cut, node.end});
      AddArray(right.data(), sum->size(), sum->data());
    }
  }
  const AddToGradient& add_;
  Gradient* work_;
};

}  // namespace

std::vector<int64_t> SplitShards(std::span<const Tree* const> trees, int64_t num_shards) {
  const auto groups = static_cast<int64_t>(trees.size());
  int64_t total = 0;
  for (const Tree* tree : trees) total += tree->NumTokens();
  std::vector<int64_t> bounds = {0};
  int64_t at = 0, tokens = 0;  // groups before the next border, and their tokens
  for (int64_t s = 1; s < num_shards; ++s) {
    const int64_t goal = total * s / num_shards;
    while (at < groups) {
      const int64_t with = tokens + trees[static_cast<size_t>(at)]->NumTokens();
      if (std::abs(with - goal) > std::abs(tokens - goal)) break;
      tokens = with;
      ++at;
    }
    bounds.push_back(at);
  }
  bounds.push_back(groups);
  return bounds;
}

void SumOverShards(const GradientShards& shards, const AddToGradient& add, Gradient* total) {
  Communicator& ranks = *shards.ranks;
  const ShardRange own = shards.own();
  if (ranks.alone() && shards.num_shards == 1) {
    total->Clear();
    add(0, total);
    return;
  }
  if (!shards.ordered) {
    total->Clear();
    for (int64_t s = own.begin; s < own.end; ++s) add(s, total);
    total->Fold();
    UnorderedSum(ranks, total->size(), total->body());
    return;
  }
  std::vector<AlignedBuffer<float>> sums;
  std::vector<const float*> pointers;
  if (own.size() == 0) {
    total->Clear();  // its head's part too, which no sum replaces
  } else if (own.size() == 1) {
    total->Clear();
    add(own.begin, total);
    total->Fold();
    pointers.push_back(total->body());
  } else {
    NodeSums nodes(add, total);
    for (const ShardRange node : NodesWithin(shards.num_shards, own))
      sums.push_back(nodes.Sum(node));
    for (const auto& sum : sums) pointers.push_back(sum.data());
  }
  OrderedSum(ranks, shards.num_shards, pointers, total->size(), total->body());
}

}  // namespace rlvr
