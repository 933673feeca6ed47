// A mini-batch's gradient as the sum over S shards, runs of neighbouring groups that do not depend on
// how many ranks there are: each rank computes those of its shards (parallel/ordered_sum.h).
#ifndef RLVR_TRAIN_GRADIENT_SHARDS_H_
#define RLVR_TRAIN_GRADIENT_SHARDS_H_
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/ordered_sum.h"
#include "train/optimizer.h"
#include "tree/tree.h"

namespace rlvr {

struct GradientShards {
  Communicator* ranks = &Alone();
  int64_t num_shards = 1;
  // In the order of the tree: the same bits on any number of ranks. Otherwise in some order.
  bool ordered = true;

  ShardRange own() const { return ShardsOfRank(num_shards, ranks->rank(), ranks->size()); }
};

// Groups [bounds[s], bounds[s + 1]) are shard s: about as many tokens in each. Returns [shards + 1].
std::vector<int64_t> SplitShards(std::span<const Tree* const> trees, int64_t num_shards);

// total becomes the sum over all shards, on every rank; its head's part is folded into its body unless
// there is one shard on one rank. add(shard, gradient) adds that shard's, and is called for this
// rank's shards in order. Needs further arrays [trainable().total]: none where a rank has one shard,
// else about log2 of their number.
void SumOverShards(const GradientShards& shards,
                   const std::function<void(int64_t shard, Gradient* gradient)>& add,
                   Gradient* total);

}  // namespace rlvr
#endif  // RLVR_TRAIN_GRADIENT_SHARDS_H_
