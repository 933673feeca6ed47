#include "model/pack_tree.h"

#include <gtest/gtest.h>

#include "model/test_models.h"

namespace rlvr {
namespace {

Segment Make(int32_t parent, Author author, std::vector<int32_t> tokens) {
  Segment s;
  s.parent = parent;
  s.author = author;
  s.tokens = std::move(tokens);
  return s;
}

using Row = std::tuple<int64_t, int32_t, int32_t, int32_t, int32_t>;
std::vector<Row> RowsOf(const PackedTrees& packed) {
  std::vector<Row> rows;  // row, target, tree, segment, offset
  for (const Prediction& p : packed.predictions)
    rows.emplace_back(p.row, p.target, p.tree, p.segment, p.offset);
  return rows;
}

TEST(PackTree, ASharedPromptIsPackedOnceAndPredictsEachFirstToken) {
  Tree tree;
  tree.segments = {Make(-1, Author::kPrompt, {10, 11}), Make(0, Author::kPolicy, {20, 21}),
                   Make(0, Author::kPolicy, {30})};
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  const Tree* trees[] = {&tree};
  const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
  EXPECT_EQ(packed.batch.tokens, (std::vector<int32_t>{10, 11, 20, 21, 30}));
  EXPECT_EQ(packed.batch.positions, (std::vector<int32_t>{0, 1, 2, 3, 2}));
  EXPECT_EQ(packed.batch.unit_begin, (std::vector<int64_t>{0, 5}));
  EXPECT_EQ(packed.batch.slots.size(), 5u);
  EXPECT_EQ(RowsOf(packed),
            (std::vector<Row>{{1, 20, 0, 1, 0}, {1, 30, 0, 2, 0}, {2, 21, 0, 1, 1}}));
}

// An environment's words are seen, not predicted; an empty segment hands on what stands before it;
// nothing predicts a first token without a prompt.
TEST(PackTree, TurnsEmptySegmentsAndRoots) {
  Tree talk, bare;
  talk.segments = {Make(-1, Author::kPrompt, {1}), Make(0, Author::kPolicy, {2, 3}),
                   Make(1, Author::kEnvironment, {4}), Make(2, Author::kPolicy, {}),
                   Make(3, Author::kPolicy, {5})};
  bare.segments = {Make(-1, Author::kPolicy, {6, 7})};
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  const Tree* trees[] = {&talk, &bare};
  const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
  EXPECT_EQ(packed.batch.tokens, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(packed.batch.positions, (std::vector<int32_t>{0, 1, 2, 3, 4, 0, 1}));
  EXPECT_EQ(packed.batch.unit_begin, (std::vector<int64_t>{0, 5, 7}));
  EXPECT_EQ(packed.batch.table.runs.size(), 5u);  // none for the empty segment
  EXPECT_EQ(RowsOf(packed),
            (std::vector<Row>{{0, 2, 0, 1, 0}, {1, 3, 0, 1, 1}, {3, 5, 0, 4, 0}, {5, 7, 1, 0, 1}}));
  const PackedTrees experts = PackTrees(trees, Author::kExpert, &cache);
  EXPECT_TRUE(experts.predictions.empty());
  EXPECT_EQ(cache.pages_in_use(), 5);  // packing cleared what was there
}

TEST(PackTree, NoTrees) {
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  const PackedTrees packed = PackTrees({}, Author::kPolicy, &cache);
  EXPECT_EQ(packed.batch.size(), 0);
  EXPECT_EQ(packed.batch.unit_begin, (std::vector<int64_t>{0}));
}

}  // namespace
}  // namespace rlvr
