// The gradient of attention in tiles of query rows against blocks of 32 keys. The order of every
// addition is attention.h's; a key that a query of the tile does not see adds a zero.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/attention_backward.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention-inl.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/exp-inl.h"
#include "tensor/sums-inl.h"

namespace rlvr {
#ifndef RLVR_TENSOR_BACKWARD_TILE_
#define RLVR_TENSOR_BACKWARD_TILE_
constexpr int64_t kTileQueries = kMaxQueriesPerKey;  // (row, head) pairs of a tile

// Query vectors of one KV head that walk the same keys, those of earlier rows first.
struct BackwardTile {
  int64_t count = 0;
  const float *q[kTileQueries], *g[kTileQueries], *o[kTileQueries];
  int64_t first[kTileQueries], limit[kTileQueries];  // sees keys [first, limit), both rise
  float m[kTileQueries], l[kTileQueries];
  float* dq[kTileQueries];
};

// The keys and values of one KV head in blocks that begin in a range of rows, as floats, by row
// within the range.
struct RangeKeys {
  int64_t first_row = 0, stride = 0;
  const float *kt = nullptr, *vt = nullptr;  // [E, stride]
  const float* k = nullptr;                  // [rows, E]
  float *dk = nullptr, *dv = nullptr;        // row r at r * d_stride
  int64_t d_stride = 0;
};
#endif
}  // namespace rlvr

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {

// Rows of dk or dv that are summed together: 4 vectors of each are in registers.
constexpr int kKeys = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

// rows[j * stride + e] = chain over i of w[i * kPageTokens + j] x[i][e], continuing from there.
template <int kRows>
HWY_INLINE void AccumulateRows(int64_t count, const float* w, const float* const* x, int64_t E,
                               float* rows, int64_t stride) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  int64_t e = 0;
  for (; e + 4 * lanes <= E; e += 4 * lanes) {
    V acc[kRows][4];
#pragma GCC unroll 4
    for (int j = 0; j < kRows; ++j) {
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) acc[j][c] = hn::LoadU(kD, rows + j * stride + e + c * lanes);
    }
    for (int64_t i = 0; i < count; ++i) {
      V v[4];
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) v[c] = hn::LoadU(kD, x[i] + e + c * lanes);
#pragma GCC unroll 4
      for (int j = 0; j < kRows; ++j) {
        const V a = hn::Set(kD, w[i * kPageTokens + j]);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) acc[j][c] = hn::MulAdd(a, v[c], acc[j][c]);
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < kRows; ++j) {
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) hn::StoreU(acc[j][c], kD, rows + j * stride + e + c * lanes);
    }
  }
  for (; e + lanes <= E; e += lanes) {
    for (int j = 0; j < kRows; ++j) {
      V acc = hn::LoadU(kD, rows + j * stride + e);
      for (int64_t i = 0; i < count; ++i)
        acc = hn::MulAdd(hn::Set(kD, w[i * kPageTokens + j]), hn::LoadU(kD, x[i] + e), acc);
      hn::StoreU(acc, kD, rows + j * stride + e);
    }
  }
  for (; e < E; ++e) {
    for (int j = 0; j < kRows; ++j) {
      float& sum = rows[j * stride + e];
      for (int64_t i = 0; i < count; ++i) sum = std::fma(w[i * kPageTokens + j], x[i][e], sum);
    }
  }
}

HWY_INLINE float DotOf(const float* a, const float* b, int64_t n) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  HWY_ALIGN float chains[kChains] = {};
  int64_t e = 0;
  for (; e + kChains <= n; e += kChains) {
    for (int64_t c = 0; c < kChains; c += lanes) {
      hn::Store(
          hn::MulAdd(hn::LoadU(kD, a + e + c), hn::LoadU(kD, b + e + c), hn::Load(kD, chains + c)),
          kD, chains + c);
    }
  }
  for (; e < n; ++e) chains[e % kChains] = std::fma(a[e], b[e], chains[e % kChains]);
  return TreeSumV(chains);
}

// Scores p and products g v, dp, of 32 keys, in place: the softmax weights and the scores' gradient;
// 0 for keys outside [from, to), whose values may be anything.
struct RowTerms {
  float m, inverse, delta, scale;
};
HWY_INLINE void Differentiate(const RowTerms& t, int64_t from, int64_t to, float* p, float* dp) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const V vm = hn::Set(kD, t.m), vi = hn::Set(kD, t.inverse);
  const V vdelta = hn::Set(kD, t.delta), vscale = hn::Set(kD, t.scale);
  const bool whole = from == 0 && to == kPageTokens;
  for (int64_t j = 0; j < kPageTokens; j += lanes) {
    V w = hn::Mul(ExpUpTo88V(kD, hn::Sub(hn::Load(kD, p + j), vm)), vi);
    V ds = hn::Mul(hn::Mul(w, hn::Sub(hn::Load(kD, dp + j), vdelta)), vscale);
    if (!whole) {
      const V at = hn::Iota(kD, static_cast<float>(j));
      const auto seen = hn::And(hn::Ge(at, hn::Set(kD, static_cast<float>(from))),
                                hn::Lt(at, hn::Set(kD, static_cast<float>(to))));
      w = hn::IfThenElseZero(seen, w);
      ds = hn::IfThenElseZero(seen, ds);
    }
    hn::Store(w, kD, p + j);
    hn::Store(ds, kD, dp + j);
  }
}

void BackwardTileRun(const BackwardTile& tile, const KvBlock* blocks, int64_t num_blocks,
                     const RangeKeys& keys, int64_t E, float scale) {
  RowTerms terms[kTileQueries];
  for (int64_t i = 0; i < tile.count; ++i) {
    terms[i] = {tile.m[i], 1.0f / tile.l[i], DotOf(tile.g[i], tile.o[i], E), scale};
  }
  HWY_ALIGN float p[kTileQueries][kPageTokens];
  HWY_ALIGN float ds[kTileQueries][kPageTokens];
  float *p_rows[kTileQueries], *ds_rows[kTileQueries];
  for (int64_t i = 0; i < tile.count; ++i) p_rows[i] = p[i], ds_rows[i] = ds[i];
  const float* none = nullptr;
  const int64_t earliest = tile.first[0], longest = tile.limit[tile.count - 1];
  for (int64_t b = 0; b < num_blocks && blocks[b].position < longest; ++b) {
    if (blocks[b].position + blocks[b].count <= earliest) continue;
    const int64_t local = blocks[b].row - keys.first_row;
    Dots(tile.count, tile.q, keys.kt + local, keys.stride, E, scale, p_rows, 0, none);
    Dots(tile.count, tile.g, keys.vt + local, keys.stride, E, 1.0f, ds_rows, 0, none);
    int64_t from[kTileQueries], seen[kTileQueries];  // of this block
    for (int64_t i = 0; i < tile.count; ++i) {
      seen[i] = std::clamp<int64_t>(tile.limit[i] - blocks[b].position, 0, blocks[b].count);
      from[i] = std::clamp<int64_t>(tile.first[i] - blocks[b].position, 0, seen[i]);
      Differentiate(terms[i], from[i], seen[i], p[i], ds[i]);
    }
    for (int64_t i = 0; i < tile.count;) {
      const int64_t group = std::min<int64_t>(tile.count - i, kMostMixed), last = i + group - 1;
      MixSome(group, ds[i] + from[i], kPageTokens, keys.k + (local + from[i]) * E,
              seen[last] - from[i], E, tile.dq + i, none);
      i += group;
    }
    const int64_t end = seen[tile.count - 1];
    int64_t rows = kKeys;
    for (int64_t j = from[0]; j < end; j += rows) {
      rows = j + kKeys <= end ? kKeys : 1;
      // Queries whose limit is before these keys are the tile's first ones, those whose window
      // begins after them the last ones.
      int64_t first = 0, stop = tile.count;
      while (seen[first] <= j) ++first;
      while (stop > first && from[stop - 1] >= j + rows) --stop;
      float *dk = keys.dk + (local + j) * keys.d_stride,
            *dv = keys.dv + (local + j) * keys.d_stride;
      const auto accumulate = rows == 1 ? AccumulateRows<1> : AccumulateRows<kKeys>;
      accumulate(stop - first, ds[first] + j, tile.q + first, E, dk, keys.d_stride);
      accumulate(stop - first, p[first] + j, tile.g + first, E, dv, keys.d_stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {
namespace {

// The blocks that begin in rows [first, last), from their pages. The memory is the thread's, until
// its next call.
RangeKeys UnpackRange(std::span<const AttentionRun> runs, std::span<const KvBlock> blocks,
                      int64_t first, int64_t last, const KvLayer& layer,
                      const AttentionShape& shape, int64_t kv) {
  const int64_t E = shape.head_dim, n = last - first;
  RangeKeys keys{.first_row = first, .stride = n + kPageTokens};
  thread_local AlignedBuffer<float> kt, vt, rows;
  for (AlignedBuffer<float>* buffer : {&kt, &vt, &rows}) {
    if (buffer->size() < E * keys.stride) buffer->Resize(E * keys.stride);
  }
  // What a partial page reads past its end must not be NaN: it is not used, but may slow the
  // units down.
  for (int64_t e = 0; e < E; ++e) {
    std::fill_n(kt.data() + e * keys.stride + n, kPageTokens, 0.0f);
    std::fill_n(vt.data() + e * keys.stride + n, kPageTokens, 0.0f);
  }
  const auto unpack = [&](const auto* kd, const auto* vd, auto convert) {
    for (const AttentionRun& run : runs) {
      for (int64_t b = run.block_begin; b < run.block_end; ++b) {
        const KvBlock& block = blocks[b];
        // An ancestor's is unpacked with its own run.
        if (block.row < std::max(run.row, first) || block.row >= last) continue;
        for (int64_t j = 0; j < block.count; ++j) {
          const int64_t local = block.row + j - first;
          const auto* key = kd + layer.KeyIndex(shape, block.page, kv, j, 0);
          const auto* value = vd + layer.ValueIndex(shape, block.page, kv, j, 0);
          for (int64_t e = 0; e < E; ++e) {
            kt[e * keys.stride + local] = rows[local * E + e] = convert(key[e * kPageTokens]);
            vt[e * keys.stride + local] = convert(value[layer.Place(e, E)]);
          }
        }
      }
    }
  };
  if (layer.type == ComputeType::kFp32) {
    unpack(static_cast<const float*>(layer.k), static_cast<const float*>(layer.v),
           [](float x) { return x; });
  } else {
    unpack(static_cast<const Bf16*>(layer.k), static_cast<const Bf16*>(layer.v),
           [](Bf16 x) { return ToFloat(x); });
  }
  keys.kt = kt.data();
  keys.vt = vt.data();
  keys.k = rows.data();
  return keys;
}

}  // namespace

void AttentionBackward(View<const float> d_o, View<const float> q, View<const float> o,
                       View<const float> max_score, View<const float> sum, const BlockTable& table,
                       std::span<const int64_t> unit_begin, const KvLayer& layer,
                       const AttentionShape& shape, View<float> dq, View<float> dk,
                       View<float> dv) {
  shape.Check();
  RLVR_CHECK(d_o.rows == q.rows && o.rows == q.rows && dq.rows == q.rows && dk.rows == q.rows &&
             dv.rows == q.rows);
  RLVR_CHECK(!unit_begin.empty() && unit_begin.back() == q.rows && dk.stride == dv.stride);
  if (ActiveIsa() == Isa::kScalar) {
    return ref::AttentionBackward(d_o, q, o, max_score, sum, table, unit_begin, layer, shape, dq,
                                  dk, dv);
  }
  const int64_t E = shape.head_dim, K = shape.num_kv_heads, per_kv = shape.num_heads / K;
  const int64_t heads_at_once = std::min(per_kv, kTileQueries);
  RLVR_CHECK(per_kv <= kTileQueries) << "more than " << kTileQueries << " query heads per KV head";
  const int64_t rows_at_once = kTileQueries / heads_at_once;
  // Runs of each unit: they cover the rows in order.
  std::vector<size_t> run_begin = {0};
  for (size_t u = 0, r = 0; u + 1 < unit_begin.size(); ++u) {
    while (r < table.runs.size() && table.runs[r].row < unit_begin[u + 1]) ++r;
    run_begin.push_back(r);
  }
  const auto backward = RLVR_DISPATCH(BackwardTileRun);
  const auto units = static_cast<int64_t>(unit_begin.size()) - 1;
  ParallelFor(units * K, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t u = task / K, kv = task % K, unit_end = unit_begin[u + 1];
      const std::span runs(table.runs.data() + run_begin[u], run_begin[u + 1] - run_begin[u]);
      for (int64_t row = unit_begin[u]; row < unit_end; ++row) {
        std::fill_n(dq.row(row) + kv * per_kv * E, per_kv * E, 0.0f);
        std::fill_n(dk.row(row) + kv * E, E, 0.0f);
        std::fill_n(dv.row(row) + kv * E, E, 0.0f);
      }
      // Ancestors are in earlier rows, so a query still meets its keys in the order of positions,
      // and a key its queries in the order of rows.
      for (int64_t first = unit_begin[u]; first < unit_end; first += kAttentionRangeRows) {
        const int64_t last = std::min(unit_end, first + kAttentionRangeRows);
        RangeKeys keys = UnpackRange(runs, table.blocks, first, last, layer, shape, kv);
        keys.dk = dk.row(first) + kv * E;
        keys.dv = dv.row(first) + kv * E;
        keys.d_stride = dk.stride;
        for (const AttentionRun& run : runs) {
          const KvBlock* blocks = table.blocks.data() + run.block_begin;
          const KvBlock* blocks_end = table.blocks.data() + run.block_end;
          const auto before = [](const KvBlock& block, int64_t row) { return block.row < row; };
          blocks = std::lower_bound(blocks, blocks_end, first, before);
          blocks_end = std::lower_bound(blocks, blocks_end, last, before);
          if (blocks == blocks_end) continue;
          const int64_t unseeing = std::max<int64_t>(0, first - run.row);  // rows before these keys
          for (int64_t r0 = unseeing / rows_at_once * rows_at_once; r0 < run.num_rows;
               r0 += rows_at_once) {
            BackwardTile tile;
            for (int64_t i = r0; i < std::min(run.num_rows, r0 + rows_at_once); ++i) {
              for (int64_t h = kv * per_kv; h < (kv + 1) * per_kv; ++h) {
                const int64_t row = run.row + i, c = tile.count++;
                tile.q[c] = q.row(row) + h * E;
                tile.g[c] = d_o.row(row) + h * E;
                tile.o[c] = o.row(row) + h * E;
                tile.dq[c] = dq.row(row) + h * E;
                tile.first[c] = shape.FirstKey(run.position + i);
                tile.limit[c] = run.position + i + 1;
                tile.m[c] = max_score(row, h);
                tile.l[c] = sum(row, h);
              }
            }
            backward(tile, blocks, blocks_end - blocks, keys, E, shape.scale);
          }
        }
      }
    }
  });
}

}  // namespace rlvr
#endif  // HWY_ONCE
