#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "model/test_models.h"

namespace rlvr {
namespace {

std::vector<std::tuple<int64_t, int64_t, int64_t>> BlocksOf(const BlockTable& table, size_t run) {
  std::vector<std::tuple<int64_t, int64_t, int64_t>> blocks;  // count, position, row
  for (int64_t b = table.runs[run].block_begin; b < table.runs[run].block_end; ++b)
    blocks.emplace_back(table.blocks[b].count, table.blocks[b].position, table.blocks[b].row);
  return blocks;
}

TEST(KvCache, ChildrenSeeTheirAncestorsPages) {  // pages hold 32 tokens
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  std::vector<KvSlot> slots;
  const int32_t root = cache.AddSegment(-1);
  cache.Append(root, 40, &slots);
  const int32_t a = cache.AddSegment(root), b = cache.AddSegment(root);
  cache.Append(a, 1, &slots);
  cache.Append(b, 33, &slots);
  EXPECT_EQ(cache.EndPosition(root), 40);
  EXPECT_EQ(cache.EndPosition(a), 41);
  EXPECT_EQ(cache.EndPosition(b), 73);
  EXPECT_EQ(cache.Length(b), 33);
  EXPECT_EQ(cache.pages_in_use(), 2 + 1 + 2);
  std::set<std::pair<int32_t, int32_t>> distinct;
  for (const KvSlot& s : slots) distinct.emplace(s.page, s.offset);
  EXPECT_EQ(distinct.size(), 74u);

  BlockTable table;
  cache.AddRun(a, 1, 5, nullptr, &table);
  cache.AddRun(b, 3, 6, nullptr, &table);
  EXPECT_EQ(table.runs[0].position, 40);
  EXPECT_EQ(table.runs[1].position, 70);
  EXPECT_EQ(table.runs[1].row, 6);
  using Block = std::tuple<int64_t, int64_t, int64_t>;
  EXPECT_EQ(BlocksOf(table, 0), (std::vector<Block>{{32, 0, -1}, {8, 32, -1}, {1, 40, -1}}));
  EXPECT_EQ(BlocksOf(table, 1),
            (std::vector<Block>{{32, 0, -1}, {8, 32, -1}, {32, 40, -1}, {1, 72, -1}}));
  EXPECT_EQ(table.blocks[0].page, table.blocks[3].page);  // the prompt is stored once

  std::vector<int64_t> rows = {0, 100, 200};  // by segment: root, a, b
  BlockTable training;
  cache.AddRun(b, 33, 200, &rows, &training);
  EXPECT_EQ(BlocksOf(training, 0),
            (std::vector<Block>{{32, 0, 0}, {8, 32, 32}, {32, 40, 200}, {1, 72, 232}}));
}

TEST(KvCache, PagesComeBackWhenNobodyNeedsThem) {
  KvCache cache(TinyConfig(true), ComputeType::kBf16);
  std::vector<KvSlot> slots;
  const int32_t root = cache.AddSegment(-1);
  cache.Append(root, 32, &slots);
  const int32_t a = cache.AddSegment(root), b = cache.AddSegment(root);
  cache.Append(a, 10, &slots);
  cache.Append(b, 10, &slots);
  EXPECT_EQ(cache.pages_in_use(), 3);
  cache.Release(root);
  EXPECT_EQ(cache.pages_in_use(), 3);  // its children still read it
  cache.Release(a);
  EXPECT_EQ(cache.pages_in_use(), 2);
  EXPECT_EQ(cache.AddSegment(b), a);  // ids are reused
  cache.Release(b);
  EXPECT_EQ(cache.pages_in_use(), 2);  // a's successor sits on b, b on the root
  cache.Release(a);
  EXPECT_EQ(cache.pages_in_use(), 0);
}

TEST(KvCache, GrowingKeepsWhatIsStored) {
  const ModelConfig config = TinyConfig(true);
  KvCache cache(config, ComputeType::kFp32);
  const AttentionShape shape = config.attention(0);
  const int64_t KE = shape.num_kv_heads * shape.head_dim;
  std::vector<KvSlot> slots;
  const int32_t first = cache.AddSegment(-1);
  cache.Append(first, 1, &slots);
  std::vector<float> k(KE), v(KE);
  for (int64_t i = 0; i < KE; ++i) {
    k[i] = static_cast<float>(i + 1);
    v[i] = -k[i];
  }
  WriteKv({k.data(), 1, KE}, {v.data(), 1, KE}, slots, shape, cache.layer(1));
  const int64_t bytes = cache.bytes();
  const int32_t second = cache.AddSegment(-1);
  std::vector<KvSlot> more;
  cache.Append(second, 500 * kPageTokens, &more);
  EXPECT_GT(cache.bytes(), bytes);
  std::set<int32_t> pages = {slots[0].page};
  for (const KvSlot& s : more) {
    if (s.offset == 0) {
      EXPECT_TRUE(pages.insert(s.page).second);
    }
  }
  const auto* stored = static_cast<const float*>(cache.layer(1).v);
  for (int64_t h = 0; h < shape.num_kv_heads; ++h) {
    for (int64_t e = 0; e < shape.head_dim; ++e) {
      const int64_t at = ((slots[0].page * shape.num_kv_heads + h) * kPageTokens) * shape.head_dim;
      EXPECT_EQ(stored[at + e], v[h * shape.head_dim + e]);
    }
  }
}

TEST(KvCache, TruncateTakesTokensAndEmptyPagesBack) {  // pages hold 32 tokens
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  std::vector<KvSlot> slots;
  const int32_t root = cache.AddSegment(-1);
  cache.Append(root, 5, &slots);
  const int32_t a = cache.AddSegment(root);
  slots.clear();
  cache.Append(a, 70, &slots);
  EXPECT_EQ(cache.pages_in_use(), 1 + 3);
  cache.Truncate(a, 0);
  EXPECT_EQ(cache.Length(a), 70);
  cache.Truncate(a, 6);  // 64: two full pages
  EXPECT_EQ(cache.EndPosition(a), 69);
  EXPECT_EQ(cache.pages_in_use(), 1 + 2);
  cache.Truncate(a, 3);
  EXPECT_EQ(cache.pages_in_use(), 1 + 2);
  std::vector<KvSlot> again;
  cache.Append(a, 4, &again);  // the same slots as the tokens that were there, then a new page
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(again[static_cast<size_t>(i)].page, slots[static_cast<size_t>(61 + i)].page);
    EXPECT_EQ(again[static_cast<size_t>(i)].offset, 29 + i);
  }
  EXPECT_EQ(again[3].offset, 0);
  BlockTable table;
  cache.AddRun(a, 2, 0, nullptr, &table);
  using Block = std::tuple<int64_t, int64_t, int64_t>;
  EXPECT_EQ(BlocksOf(table, 0),
            (std::vector<Block>{{5, 0, -1}, {32, 5, -1}, {32, 37, -1}, {1, 69, -1}}));
  cache.Truncate(a, 65);
  EXPECT_EQ(cache.pages_in_use(), 1);
  cache.Append(a, 1, &again);
  EXPECT_EQ(cache.EndPosition(a), 6);
}

TEST(KvCacheDeathTest, WhatHasChildrenOrTooFewTokensCannotShrink) {
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  std::vector<KvSlot> slots;
  const int32_t root = cache.AddSegment(-1);
  cache.Append(root, 2, &slots);
  EXPECT_DEATH(cache.Truncate(root, 3), "3 2");
  cache.AddSegment(root);
  EXPECT_DEATH(cache.Truncate(root, 1), "cannot shrink");
}

TEST(KvCache, PathsMayBeDeep) {
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  std::vector<KvSlot> slots;
  int32_t segment = -1;
  for (int i = 0; i < 200; ++i) {
    segment = cache.AddSegment(segment);
    cache.Append(segment, 1, &slots);
  }
  BlockTable table;
  cache.AddRun(segment, 1, 0, nullptr, &table);
  ASSERT_EQ(table.blocks.size(), 200u);
  EXPECT_EQ(table.runs[0].position, 199);
  for (int64_t i = 0; i < 200; ++i) EXPECT_EQ(table.blocks[i].position, i);
}

TEST(KvCacheDeathTest, AParentThatGrowsIsABug) {
  KvCache cache(TinyConfig(true), ComputeType::kFp32);
  std::vector<KvSlot> slots;
  const int32_t root = cache.AddSegment(-1);
  cache.AddSegment(root);
  EXPECT_DEATH(cache.Append(root, 1, &slots), "cannot grow");
}

}  // namespace
}  // namespace rlvr
