// Attention in tiles of query rows against pages of 32 keys. The order of every addition is
// attention.h's.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/attention_forward.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention-inl.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/exp-inl.h"
#include "tensor/sums-inl.h"

namespace rlvr {
#ifndef RLVR_TENSOR_QUERY_TILE_
#define RLVR_TENSOR_QUERY_TILE_
constexpr int64_t kTileQueries = 8;  // (row, head) pairs of a tile

// Query vectors of one KV head that walk the same keys, those of earlier rows first.
struct QueryTile {
  int64_t count = 0;
  const float* q[kTileQueries];
  int64_t first[kTileQueries], limit[kTileQueries];  // sees keys [first, limit), both rise
  float* o[kTileQueries];
  float m[kTileQueries], l[kTileQueries];
  // Whose keys the next tile of this thread reads, where they are others: it is asked for them early.
  std::span<const KvBlock> next_blocks;
  int64_t next_head = 0;
};
// Of keys or values that a tile reads: so much is asked for while the tile is busy with what comes
// before them. A page is read in 30 ns, sooner than the one behind it comes.
constexpr int64_t kPhaseAheadBytes = 64 << 10;
#endif
}  // namespace rlvr

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {

// The largest of s[first, limit). What else of [begin, limit) there is, and 16 behind it, becomes -inf.
// begin is a multiple of 16.
HWY_INLINE float MaxScore(float* s, int64_t begin, int64_t first, int64_t limit) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const V none = hn::Set(kD, -std::numeric_limits<float>::infinity());
  for (int64_t j = begin; j < first; ++j) s[j] = -std::numeric_limits<float>::infinity();
  for (int64_t c = 0; c < kChains; c += lanes) hn::StoreU(none, kD, s + limit + c);
  V vm = none;
  for (int64_t j = begin; j < limit; j += lanes) vm = hn::Max(vm, hn::LoadU(kD, s + j));
  return hn::GetLane(hn::MaxOfLanes(kD, vm));
}

// Softmax weights in place: scores s -> w, from begin to the end of the 16 that limit is in. Returns
// their sum, l.
HWY_INLINE float Weights(float* s, int64_t begin, int64_t limit, float m) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const V vm = hn::Set(kD, m);
  HWY_ALIGN float chains[kChains];
  for (int64_t c = 0; c < kChains; c += lanes) {
    V sum = hn::Zero(kD);
    for (int64_t j = begin; j < limit; j += kChains) {
      const V w = ExpUpTo88V(kD, hn::Sub(hn::LoadU(kD, s + j + c), vm));
      hn::StoreU(w, kD, s + j + c);
      sum = hn::Add(sum, w);
    }
    hn::Store(sum, kD, chains + c);
  }
  return TreeSumV(chains);
}

// Scores of all queries against the blocks [begin, end), whose first keys stand at their positions
// in scores[i]; a later block overwrites what a partial one wrote past its end. Few queries take two
// blocks at a time: one has too few chains. next(b): what is asked for meanwhile, or null.
template <class T, class Next>
void Scores(const QueryTile& tile, const KvBlock* begin, const KvBlock* end, const T* k,
            int64_t page_stride, int64_t E, float scale, float* const* scores, Next next) {
  const KvBlock* b = begin;
  for (; tile.count <= kMostDots / 2 && b + 2 <= end && b->count == kPageTokens; b += 2) {
    const T* keys[2] = {k + b->page * page_stride, k + b[1].page * page_stride};
    const T* asked[2] = {next(b), next(b + 1)};
    const int64_t columns[2] = {b->position, b[1].position};
    switch (tile.count) {
      case 1:
        Dots32<1, 2>(tile.q, keys, kPageTokens, E, scale, scores, columns, asked);
        break;
      case 2:
        Dots32<2, 2>(tile.q, keys, kPageTokens, E, scale, scores, columns, asked);
        break;
#if HWY_TARGET <= HWY_AVX3
      case 3:
        Dots32<3, 2>(tile.q, keys, kPageTokens, E, scale, scores, columns, asked);
        break;
      case 4:
        Dots32<4, 2>(tile.q, keys, kPageTokens, E, scale, scores, columns, asked);
        break;
#endif
      default:
        break;
    }
  }
  for (; b < end; ++b) {
    Dots(tile.count, tile.q, k + b->page * page_stride, kPageTokens, E, scale, scores, b->position,
         next(b));
  }
}

template <class T>
void ForwardTile(QueryTile& tile, const KvBlock* blocks, int64_t num_blocks, const T* k, const T* v,
                 int64_t num_kv_heads, int64_t kv_head, int64_t E, float scale) {
  const int64_t earliest = tile.first[0], longest = tile.limit[tile.count - 1];
  const int64_t page_stride = num_kv_heads * kPageTokens * E;
  const T* const next_k = k + tile.next_head * kPageTokens * E;
  k += kv_head * kPageTokens * E;
  v += kv_head * kPageTokens * E;
  const KvBlock *begin = blocks, *end = blocks + num_blocks;
  while (begin->position + begin->count <= earliest) ++begin;
  while (end[-1].position >= longest) --end;
  // Scores of all queries by absolute position; the slack takes what a partial page writes past its
  // end.
  const int64_t stride = (longest + kPageTokens + kChains - 1) / kChains * kChains + kPageTokens;
  thread_local std::vector<float> memory;
  if (static_cast<int64_t>(memory.size()) < kTileQueries * stride)
    memory.resize(static_cast<size_t>(kTileQueries * stride));
  float* scores[kTileQueries];
  for (int64_t i = 0; i < tile.count; ++i) scores[i] = memory.data() + i * stride;
  const bool early =
      (end - begin) * kPageTokens * E * static_cast<int64_t>(sizeof(T)) <= kPhaseAheadBytes;
  Scores(tile, begin, end, k, page_stride, E, scale, scores, [&](const KvBlock* b) {
    if (early) return v + b->page * page_stride;
    return b + 1 < end ? k + b[1].page * page_stride : v + begin->page * page_stride;
  });
  const int64_t from = earliest / kChains * kChains;
  for (int64_t i = 0; i < tile.count; ++i)
    tile.m[i] = MaxScore(scores[i], from, tile.first[i], tile.limit[i]);
  for (int64_t i = 0; i < tile.count; ++i) {
    tile.l[i] = Weights(scores[i], from, tile.limit[i], tile.m[i]);
    std::fill(tile.o[i], tile.o[i] + E, 0.0f);
  }
  for (const KvBlock* b = begin; b < end; ++b) {
    // From the tile's earliest key on: a weight of 0 before a query's own first key changes no bit.
    const int64_t skip = std::max<int64_t>(earliest - b->position, 0);
    const T* page = v + b->page * page_stride + skip * E;
    const T* next = nullptr;
    if (!early) {
      next = b + 1 < end ? v + b[1].page * page_stride : nullptr;
    } else if (static_cast<size_t>(b - begin) < tile.next_blocks.size()) {
      next = next_k + tile.next_blocks[static_cast<size_t>(b - begin)].page * page_stride;
    }
    const float* const w = scores[0] + b->position + skip;  // [tile.count], stride apart
    const auto seen = [&](int64_t i) {
      return std::clamp<int64_t>(tile.limit[i] - b->position, skip, b->count) - skip;
    };
    for (int64_t i = 0; i < tile.count;) {
      // Together as far as all of a group see; then each its own last keys.
      const int64_t group = std::min<int64_t>(tile.count - i, MostMixed(E));
      const int64_t common = seen(i);  // limits rise within a tile
      MixSome(group, w + i * stride, stride, page, common, E, tile.o + i, next);
      next = nullptr;
      for (int64_t c = i + 1; c < i + group; ++c) {
        if (seen(c) == common) continue;
        MixAll<1>(w + c * stride + common, stride, page + common * E, seen(c) - common, E,
                  tile.o + c, next);
      }
      i += group;
    }
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    const float inverse = 1.0f / tile.l[i];
    const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
    int64_t e = 0;
    for (; e + lanes <= E; e += lanes) {
      float* o = tile.o[i] + e;
      hn::StoreU(hn::Mul(hn::LoadU(kD, o), hn::Set(kD, inverse)), kD, o);
    }
    for (; e < E; ++e) tile.o[i][e] *= inverse;
  }
}

void ForwardTileAny(QueryTile& tile, const KvBlock* blocks, int64_t num_blocks,
                    const KvLayer& layer, int64_t num_kv_heads, int64_t kv_head, int64_t E,
                    float scale) {
  if (layer.type == ComputeType::kFp32) {
    ForwardTile(tile, blocks, num_blocks, static_cast<const float*>(layer.k),
                static_cast<const float*>(layer.v), num_kv_heads, kv_head, E, scale);
  } else {
    ForwardTile(tile, blocks, num_blocks, static_cast<const Bf16*>(layer.k),
                static_cast<const Bf16*>(layer.v), num_kv_heads, kv_head, E, scale);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {

void Attention(View<const float> q, std::span<const KvBlock> blocks,
               std::span<const AttentionRun> runs, const KvLayer& layer,
               const AttentionShape& shape, View<float> o, View<float> max_score, View<float> sum) {
  shape.Check();
  RLVR_CHECK(q.cols == shape.num_heads * shape.head_dim && o.rows == q.rows && o.cols == q.cols);
  if (ActiveIsa() == Isa::kScalar)
    return ref::Attention(q, blocks, runs, layer, shape, o, max_score, sum);
  const int64_t E = shape.head_dim, per_kv = shape.num_heads / shape.num_kv_heads;
  const int64_t heads_at_once = std::min(per_kv, kTileQueries);
  const int64_t rows_at_once = kTileQueries / heads_at_once;
  struct Task {
    const AttentionRun* run;
    int64_t first, rows;
  };
  thread_local std::vector<Task> tasks;
  tasks.clear();
  for (const AttentionRun& run : runs) {
    for (int64_t r = 0; r < run.num_rows; r += rows_at_once) {
      tasks.push_back({&run, r, std::min(rows_at_once, run.num_rows - r)});
    }
  }
  const auto forward = RLVR_DISPATCH(ForwardTileAny);
  const auto work = [&, tasks = tasks.data()](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Task& task = tasks[i / shape.num_kv_heads];
      const int64_t kv = i % shape.num_kv_heads;
      for (int64_t h0 = 0; h0 < per_kv; h0 += heads_at_once) {
        QueryTile tile;
        for (int64_t r = task.first; r < task.first + task.rows; ++r) {
          for (int64_t h = h0; h < std::min(per_kv, h0 + heads_at_once); ++h) {
            const int64_t column = (kv * per_kv + h) * E;
            tile.q[tile.count] = q.row(task.run->row + r) + column;
            tile.o[tile.count] = o.row(task.run->row + r) + column;
            tile.first[tile.count] = shape.FirstKey(task.run->position + r);
            tile.limit[tile.count++] = task.run->position + r + 1;
          }
        }
        if (i + 1 < end && task.run->num_rows <= rows_at_once && h0 + heads_at_once >= per_kv) {
          const AttentionRun& next = *tasks[(i + 1) / shape.num_kv_heads].run;
          tile.next_blocks = blocks.subspan(static_cast<size_t>(next.block_begin),
                                            static_cast<size_t>(next.block_end - next.block_begin));
          tile.next_head = (i + 1) % shape.num_kv_heads;
        }
        forward(tile, blocks.data() + task.run->block_begin,
                task.run->block_end - task.run->block_begin, layer, shape.num_kv_heads, kv, E,
                shape.scale);
        int64_t n = 0;
        for (int64_t r = task.first; r < task.first + task.rows; ++r) {
          for (int64_t h = h0; h < std::min(per_kv, h0 + heads_at_once); ++h, ++n) {
            if (!max_score.empty()) max_score(task.run->row + r, kv * per_kv + h) = tile.m[n];
            if (!sum.empty()) sum(task.run->row + r, kv * per_kv + h) = tile.l[n];
          }
        }
      }
    }
  };
  ParallelFor(static_cast<int64_t>(tasks.size()) * shape.num_kv_heads, 4, work);
}

}  // namespace rlvr
#endif  // HWY_ONCE
