#include "parallel/ordered_sum.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"

namespace rlvr {
namespace {

void FindNodes(ShardRange node, ShardRange own, std::vector<ShardRange>* nodes) {
  if (node.size() == 0 || node.end <= own.begin || own.end <= node.begin) return;
  if (own.begin <= node.begin && node.end <= own.end) {
    nodes->push_back(node);
    return;
  }
  const int64_t cut = CutOf(node);
  FindNodes({node.begin, cut}, own, nodes);
  FindNodes({cut, node.end}, own, nodes);
}

// Adds up what the ranks have sent of one piece.
class TreeOfPieces {
 public:
  // `at` maps a node (its first and last shard) to its place in `received`, pieces of n floats.
  TreeOfPieces(const std::map<std::pair<int64_t, int64_t>, int64_t>& at, float* received, int64_t n)
      : at_(at), received_(received), n_(n) {}
  float* Sum(ShardRange node) {
    const auto sent = at_.find({node.begin, node.end});
    if (sent != at_.end()) return received_ + sent->second * n_;
    const int64_t cut = CutOf(node);
    float* left = Sum({node.begin, cut});
    AddArray(Sum({cut, node.end}), n_, left);
    return left;
  }

 private:
  const std::map<std::pair<int64_t, int64_t>, int64_t>& at_;
  float* received_;
  int64_t n_;
};

}  // namespace

ShardRange ShardsOfRank(int64_t num_shards, int rank, int size) {
  const auto begin = [&](int64_t r) { return (r * num_shards + size - 1) / size; };
  return {begin(rank), begin(rank + 1)};
}

int64_t CutOf(ShardRange node) {
  RLVR_CHECK(node.size() >= 2) << node.size();
  int64_t left = 1;
  while (2 * left < node.size()) left *= 2;
  return node.begin + left;
}

std::vector<ShardRange> NodesWithin(int64_t num_shards, ShardRange own) {
  std::vector<ShardRange> nodes;
  if (own.size() > 0) FindNodes({0, num_shards}, own, &nodes);
  return nodes;
}

void AddArray(const float* more, int64_t n, float* sum) {
  ParallelFor(n, 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] += more[i];
  });
}

void OrderedSum(Communicator& ranks, int64_t num_shards, const std::vector<const float*>& own,
                int64_t n, float* total, int64_t piece) {
  const int size = ranks.size();
  // A rank's node p is sent in the p-th exchange of a piece.
  std::map<std::pair<int64_t, int64_t>, int64_t> at;
  size_t exchanges = 0;
  for (int r = 0; r < size; ++r) {
    const auto nodes = NodesWithin(num_shards, ShardsOfRank(num_shards, r, size));
    RLVR_CHECK(r != ranks.rank() || nodes.size() == own.size()) << nodes.size() << own.size();
    exchanges = std::max(exchanges, nodes.size());
    for (size_t p = 0; p < nodes.size(); ++p)
      at[{nodes[p].begin, nodes[p].end}] = static_cast<int64_t>(p) * size + r;
  }
  const int64_t w = std::max<int64_t>(1, std::min(piece, (n + size - 1) / size));
  std::vector<float> send(static_cast<size_t>(size * w)),
      received(exchanges * static_cast<size_t>(size * w));
  for (int64_t begin = 0; begin < n; begin += size * w) {
    const int64_t count = std::min(size * w, n - begin);
    for (size_t p = 0; p < exchanges; ++p) {
      if (p < own.size()) std::copy_n(own[p] + begin, count, send.data());
      ranks.Exchange(send.data(), received.data() + static_cast<int64_t>(p) * size * w, w);
    }
    const float* sum = TreeOfPieces(at, received.data(), w).Sum({0, num_shards});
    std::copy_n(sum, w, send.data() + ranks.rank() * w);
    ranks.Share(send.data(), w);
    std::copy_n(send.data(), count, total + begin);
  }
}

void UnorderedSum(Communicator& ranks, int64_t n, float* data, int64_t piece) {
  for (int64_t begin = 0; begin < n; begin += piece)
    ranks.Sum(data + begin, std::min(piece, n - begin));
}

}  // namespace rlvr
