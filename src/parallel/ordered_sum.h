// The sum of S arrays, shards, in an order that does not depend on how many ranks there are: a binary
// tree over the shards, of which every rank adds up what lies within its own and one rank the rest.
// 4 shards: (g0 + g1) + (g2 + g3), on 1 rank as on 2 and 4.
#ifndef RLVR_PARALLEL_ORDERED_SUM_H_
#define RLVR_PARALLEL_ORDERED_SUM_H_
#include <cstdint>
#include <vector>

#include "parallel/communicator.h"

namespace rlvr {

struct ShardRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const ShardRange&) const = default;
};

// The shards that a rank computes: neighbours, as many as the others or one less.
ShardRange ShardsOfRank(int64_t num_shards, int rank, int size);

// Where a node of the tree with at least two shards is cut: its left part is the largest power of two
// that leaves something.
int64_t CutOf(ShardRange node);

// The largest nodes of the tree over all shards that lie within `own`, in order. With numbers of
// shards and ranks that are powers of two that is `own` itself.
std::vector<ShardRange> NodesWithin(int64_t num_shards, ShardRange own);

// total [n] becomes the sum of all shards, on every rank. own: the sums [n] of NodesWithin of this
// rank's shards, added up in the order of the tree; total may be one of them. Each rank sends and
// receives about 2 n floats (more where it has several nodes) in pieces of `piece` floats a rank, and
// has buffers for two pieces of every rank.
void OrderedSum(Communicator& ranks, int64_t num_shards, const std::vector<const float*>& own,
                int64_t n, float* total, int64_t piece = int64_t{1} << 18);

// The same by Communicator::Sum, in pieces: in an order that depends on the ranks.
void UnorderedSum(Communicator& ranks, int64_t n, float* data, int64_t piece = int64_t{1} << 22);

// sum [n] += more [n], on all threads.
void AddArray(const float* more, int64_t n, float* sum);

}  // namespace rlvr
#endif  // RLVR_PARALLEL_ORDERED_SUM_H_
