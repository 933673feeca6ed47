#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "parallel/deal.h"
#include "parallel/mpi.h"
#include "parallel/ordered_sum.h"
#include "parallel/thread_ranks_test.h"
#include "parallel/tree_bytes.h"

namespace rlvr {
namespace {

TEST(Communicator, AloneIsOneRank) {
  Communicator& one = Alone();
  EXPECT_TRUE(one.alone() && one.first());
  EXPECT_EQ(one.AllGather("x"), std::vector<std::string>{"x"});
  EXPECT_EQ(Broadcast(one, "b"), "b");
  EXPECT_TRUE(Any(one, true));
  EXPECT_FALSE(Any(one, false));
  EXPECT_FALSE(StartedByMpirun());
  JoinRanks();  // nobody to join: MPI is not touched
  EXPECT_EQ(&World(), &one);
  EXPECT_EQ(ThreadsOfRank(), 0);
}

TEST(Communicator, BroadcastAndAny) {
  OnRanks(3, [](Communicator& ranks) {
    EXPECT_EQ(Broadcast(ranks, "from " + std::to_string(ranks.rank())), "from 0");
    EXPECT_TRUE(Any(ranks, ranks.rank() == 2));
    EXPECT_FALSE(Any(ranks, false));
  });
}

TEST(OrderedSum, DealsShards) {
  EXPECT_EQ(ShardsOfRank(4, 1, 2), (ShardRange{2, 4}));
  EXPECT_EQ(ShardsOfRank(4, 2, 3), (ShardRange{3, 4}));
  EXPECT_EQ(ShardsOfRank(1, 0, 2), (ShardRange{0, 1}));  // the second has none
  EXPECT_EQ(ShardsOfRank(1, 1, 2).size(), 0);
  EXPECT_EQ(CutOf({0, 4}), 2);
  EXPECT_EQ(CutOf({0, 6}), 4);
  EXPECT_EQ(CutOf({4, 7}), 6);
  EXPECT_EQ(NodesWithin(4, {0, 2}), (std::vector<ShardRange>{{0, 2}}));
  EXPECT_EQ(NodesWithin(4, {1, 4}), (std::vector<ShardRange>{{1, 2}, {2, 4}}));
  EXPECT_EQ(NodesWithin(6, {3, 6}), (std::vector<ShardRange>{{3, 4}, {4, 6}}));
  EXPECT_TRUE(NodesWithin(4, {2, 2}).empty());
}

// Numbers whose sum depends on the order: 2^24 + 1 is 2^24 in fp32.
//   ((2^24 + 1) + (1 + -2^24)) = 2^24 + (1 - 2^24) = 1; one after the other it is 0.
TEST(OrderedSum, IsTheTreesSum) {
  const float big = std::ldexp(1.0f, 24);
  const std::vector<float> shard = {big, 1, 1, -big};
  ASSERT_EQ(((shard[0] + shard[1]) + shard[2]) + shard[3], 0.0f);
  for (const int size : {1, 2, 4}) {
    OnRanks(size, [&](Communicator& ranks) {
      const ShardRange own = ShardsOfRank(4, ranks.rank(), size);
      const float sums[] = {shard[0] + shard[1], shard[2] + shard[3]};
      const float whole = sums[0] + sums[1];
      const float mine = size == 1 ? whole : size == 2 ? sums[ranks.rank()] : shard[own.begin];
      float total = 0;
      OrderedSum(ranks, 4, {&mine}, 1, &total);
      EXPECT_EQ(total, 1.0f) << size;
    });
  }
}

// The sum of one node, by the definition.
std::vector<float> SumOf(ShardRange node, const std::vector<std::vector<float>>& shards) {
  if (node.size() == 1) return shards[static_cast<size_t>(node.begin)];
  const int64_t cut = CutOf(node);
  std::vector<float> left = SumOf({node.begin, cut}, shards);
  const std::vector<float> right = SumOf({cut, node.end}, shards);
  for (size_t i = 0; i < left.size(); ++i) left[i] += right[i];
  return left;
}

TEST(OrderedSum, SameBitsOnAnyNumberOfRanks) {
  SetNumThreads(1);  // ParallelFor has one caller at a time, and ranks are threads here
  Random random(RandomKey(7));
  for (const int64_t num_shards : {1, 2, 3, 4, 6, 8}) {
    std::vector<std::vector<float>> shards(static_cast<size_t>(num_shards));
    for (auto& s : shards) {
      for (int i = 0; i < 101; ++i)  // no multiple of pieces and ranks
        s.push_back(static_cast<float>(random.Int(-1000000, 1000000)) * 1e-5f);
    }
    const std::vector<float> expected = SumOf({0, num_shards}, shards);
    for (const int size : {1, 2, 3, 4, 5}) {
      OnRanks(size, [&](Communicator& ranks) {
        const ShardRange own = ShardsOfRank(num_shards, ranks.rank(), size);
        std::vector<std::vector<float>> nodes;
        for (const ShardRange node : NodesWithin(num_shards, own))
          nodes.push_back(SumOf(node, shards));
        std::vector<const float*> pointers;
        for (const auto& node : nodes) pointers.push_back(node.data());
        for (const int64_t piece : {7, 1000}) {
          std::vector<float> total(101, -1.0f);
          OrderedSum(ranks, num_shards, pointers, 101, total.data(), piece);
          EXPECT_EQ(total, expected) << num_shards << " shards, " << size << " ranks, " << piece;
        }
      });
    }
  }
  SetNumThreads(0);
}

TEST(UnorderedSum, AddsUp) {
  OnRanks(3, [](Communicator& ranks) {
    std::vector<float> data(10, static_cast<float>(ranks.rank() + 1));
    UnorderedSum(ranks, 10, data.data(), 4);
    EXPECT_EQ(data, std::vector<float>(10, 6.0f));
  });
}

TEST(Deal, ItemsComeBackInOrder) {
  for (const int size : {1, 2, 3, 8}) {  // more ranks than items
    OnRanks(size, [&](Communicator& ranks) {
      const DealtResults dealt =
          ShareDealt(ranks, 5, [&](const std::vector<int64_t>& items, std::string* rest) {
            std::vector<std::string> results;
            for (const int64_t i : items) results.push_back(std::to_string(i * i));
            *rest = std::to_string(items.size());
            return results;
          });
      EXPECT_EQ(dealt.items, (std::vector<std::string>{"0", "1", "4", "9", "16"}));
      size_t sum = 0;
      for (const std::string& rest : dealt.of_rank) sum += std::stoul(rest);
      EXPECT_EQ(sum, 5u);
      EXPECT_EQ(dealt.of_rank.size(), static_cast<size_t>(size));
    });
  }
}

TEST(Deal, OneInterruptedInterruptsAll) {
  OnRanks(3, [](Communicator& ranks) {
    EXPECT_THROW(ShareDealt(ranks, 5,
                            [&](const std::vector<int64_t>& items, std::string*) {
                              if (ranks.rank() == 1) throw Interrupted("");
                              return std::vector<std::string>(items.size());
                            }),
                 Interrupted);
  });
}

TEST(TreeBytes, KeepsEveryField) {
  Tree tree;
  tree.prompt_index = 7;
  tree.occurrence = 2;
  tree.data_source = "gsm";
  tree.family = "f";
  tree.segments.push_back({.tokens = {1, 2, 3}});
  tree.segments.push_back({.parent = 0,
                           .author = Author::kPolicy,
                           .tokens = {4, 5},
                           .logp = {-0.25f, std::nanf("")},
                           .entropy = {0.5f, 0.0f},
                           .sampler_logp = {-0.125f, -1.0f},
                           .sample = 3,
                           .value = 0.75f,
                           .outcome = {.reward = 1.5f,
                                       .illocution = Illocution::kUnderspecified,
                                       .strategy = TurnStrategy::kHedge,
                                       .right = true}});
  tree.leaves.push_back({.segment = 1,
                         .finish = Finish::kLength,
                         .verdict = Verdict::kTimedOut,
                         .answer = std::string("1\0002", 3),
                         .score = 0.5f,
                         .reward = -2.0f,
                         .prefix = 1});
  ByteWriter out;
  PutTree(tree, &out);
  PutTree(Tree{}, &out);
  const std::string bytes = out.Take();
  ByteReader in(bytes);
  const Tree back = GetTree(&in);
  EXPECT_TRUE(GetTree(&in).segments.empty());
  EXPECT_TRUE(in.done());
  EXPECT_EQ(back.prompt_index, 7);
  EXPECT_EQ(back.occurrence, 2);
  EXPECT_EQ(back.data_source, "gsm");
  EXPECT_EQ(back.family, "f");
  ASSERT_EQ(back.segments.size(), 2u);
  EXPECT_EQ(back.segments[0].tokens, tree.segments[0].tokens);
  const Segment& s = back.segments[1];
  EXPECT_EQ(s.parent, 0);
  EXPECT_EQ(s.author, Author::kPolicy);
  EXPECT_EQ(s.tokens, (std::vector<int32_t>{4, 5}));
  EXPECT_EQ(s.logp[0], -0.25f);
  EXPECT_TRUE(std::isnan(s.logp[1]));
  EXPECT_EQ(s.entropy, (std::vector<float>{0.5f, 0.0f}));
  EXPECT_EQ(s.sampler_logp, (std::vector<float>{-0.125f, -1.0f}));
  EXPECT_EQ(s.sample, 3);
  EXPECT_EQ(s.value, 0.75f);
  EXPECT_EQ(s.outcome.reward, 1.5f);
  EXPECT_EQ(s.outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(s.outcome.strategy, TurnStrategy::kHedge);
  EXPECT_TRUE(s.outcome.right);
  ASSERT_EQ(back.leaves.size(), 1u);
  const Leaf& leaf = back.leaves[0];
  EXPECT_EQ(leaf.segment, 1);
  EXPECT_EQ(leaf.finish, Finish::kLength);
  EXPECT_EQ(leaf.verdict, Verdict::kTimedOut);
  EXPECT_EQ(leaf.answer, std::string("1\0002", 3));
  EXPECT_EQ(leaf.score, 0.5f);
  EXPECT_EQ(leaf.reward, -2.0f);
  EXPECT_EQ(leaf.prefix, 1);
}

}  // namespace
}  // namespace rlvr
