// Attention in tiles of query rows against pages of 32 keys. The order of every addition is
// attention.h's: lanes are different keys (scores) or different e (outputs), never terms of one
// sum.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/attention.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/exp-inl.h"
#include "tensor/sums.h"

namespace rlvr {
#ifndef RLVR_TENSOR_ATTENTION_TASKS_
#define RLVR_TENSOR_ATTENTION_TASKS_
constexpr int64_t kMaxQueries = 8;  // (row, head) pairs of a tile

// Query vectors of one KV head that walk the same keys, those of earlier rows first.
struct QueryTile {
  int64_t count = 0;
  const float* q[kMaxQueries];
  int64_t first[kMaxQueries], limit[kMaxQueries];  // sees keys [first, limit), both rise
  float* o[kMaxQueries];
  float m[kMaxQueries], l[kMaxQueries];
};

struct BackwardTile {
  int64_t count = 0;
  const float *q[kMaxQueries], *g[kMaxQueries], *o[kMaxQueries];
  int64_t first[kMaxQueries], limit[kMaxQueries];
  float m[kMaxQueries], l[kMaxQueries];
  float* dq[kMaxQueries];
};

// One unit's keys and values of one KV head as floats, by row within the unit.
struct UnitKeys {
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
namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> kD;
using V = hn::Vec<decltype(kD)>;

HWY_INLINE V LoadAs(const float* p) { return hn::LoadU(kD, p); }
HWY_INLINE V LoadAs(const Bf16* p) {
  const hn::Rebind<uint16_t, decltype(kD)> du16;
  const hn::RebindToUnsigned<decltype(kD)> du32;
  const auto bits = hn::PromoteTo(du32, hn::LoadU(du16, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(kD, hn::ShiftLeft<16>(bits));
}

// out[i][j] = scale * chain over e of a[i][e] b[e * stride + j], for 32 columns j.
template <int kCount, class T>
HWY_INLINE void Dots32(const float* const* a, const T* b, int64_t stride, int64_t E, float scale,
                       float* const* out) {
  constexpr int kVectors = kCount > 4 || HWY_TARGET > HWY_AVX3 ? 1 : 2;
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  for (int64_t j = 0; j < kPageTokens; j += kVectors * lanes) {
    V acc[kCount][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[i][v] = hn::Zero(kD);
    }
    for (int64_t e = 0; e < E; ++e) {
      V k[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) k[v] = LoadAs(b + e * stride + j + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) {
        const V x = hn::Set(kD, a[i][e]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) acc[i][v] = hn::MulAdd(x, k[v], acc[i][v]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        hn::StoreU(hn::Mul(acc[i][v], hn::Set(kD, scale)), kD, out[i] + j + v * lanes);
      }
    }
  }
}

template <class T>
void Dots(int64_t count, const float* const* a, const T* b, int64_t stride, int64_t E, float scale,
          float* const* out) {
  while (count > 0) {
    if (count >= 8) {
      Dots32<8>(a, b, stride, E, scale, out);
      a += 8, out += 8, count -= 8;
    } else if (count >= 4) {
      Dots32<4>(a, b, stride, E, scale, out);
      a += 4, out += 4, count -= 4;
    } else if (count >= 2) {
      Dots32<2>(a, b, stride, E, scale, out);
      a += 2, out += 2, count -= 2;
    } else {
      Dots32<1>(a, b, stride, E, scale, out);
      a += 1, out += 1, count -= 1;
    }
  }
}

// o[i][e] = chain over j of w[i][j] v[j][e], continuing from o, for kCount queries and the columns
// from e.
template <int kCount, int kVectors, class T>
HWY_INLINE void Mix(const float* const* w, const T* v, int64_t n, int64_t E, int64_t e,
                    float* const* o) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  V acc[kCount][kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) acc[i][c] = hn::LoadU(kD, o[i] + e + c * lanes);
  }
  for (int64_t j = 0; j < n; ++j) {
    V x[kVectors];
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) x[c] = LoadAs(v + j * E + e + c * lanes);
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) {
      const V wi = hn::Set(kD, w[i][j]);
#pragma GCC unroll 4
      for (int c = 0; c < kVectors; ++c) acc[i][c] = hn::MulAdd(wi, x[c], acc[i][c]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) hn::StoreU(acc[i][c], kD, o[i] + e + c * lanes);
  }
}

HWY_INLINE float AsFloat(float x) { return x; }
HWY_INLINE float AsFloat(Bf16 x) { return ToFloat(x); }

template <int kCount, class T>
HWY_INLINE void MixAll(const float* const* w, const T* v, int64_t n, int64_t E, float* const* o) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  int64_t e = 0;
  for (; e + 4 * lanes <= E; e += 4 * lanes) Mix<kCount, 4>(w, v, n, E, e, o);
  for (; e + 2 * lanes <= E; e += 2 * lanes) Mix<kCount, 2>(w, v, n, E, e, o);
  for (; e + lanes <= E; e += lanes) Mix<kCount, 1>(w, v, n, E, e, o);
  for (; e < E; ++e) {
    for (int i = 0; i < kCount; ++i) {
      float acc = o[i][e];
      for (int64_t j = 0; j < n; ++j) acc = std::fma(w[i][j], AsFloat(v[j * E + e]), acc);
      o[i][e] = acc;
    }
  }
}

// Softmax weights in place: scores s[first, limit) -> w; what else of [begin, limit) and of the last
// 16 there is becomes 0. begin is a multiple of 16. Returns m and l.
HWY_INLINE void Weights(float* s, int64_t begin, int64_t first, int64_t limit, float* m_out,
                        float* l_out) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  const int64_t padded = (limit + kChains - 1) / kChains * kChains;
  for (int64_t j = begin; j < first; ++j) s[j] = -std::numeric_limits<float>::infinity();
  for (int64_t j = limit; j < padded; ++j) s[j] = -std::numeric_limits<float>::infinity();
  V vm = hn::LoadU(kD, s + begin);
  for (int64_t j = begin + lanes; j < padded; j += lanes) vm = hn::Max(vm, hn::LoadU(kD, s + j));
  const float m = hn::GetLane(hn::MaxOfLanes(kD, vm));
  HWY_ALIGN float chains[kChains];
  for (int64_t c = 0; c < kChains; c += lanes) {
    V sum = hn::Zero(kD);
    for (int64_t j = begin + c; j < padded; j += kChains) {
      const V w = ExpV(kD, hn::Sub(hn::LoadU(kD, s + j), hn::Set(kD, m)));
      hn::StoreU(w, kD, s + j);
      sum = hn::Add(sum, w);
    }
    hn::Store(sum, kD, chains + c);
  }
  *m_out = m;
  *l_out = TreeSum(chains);
}

template <class T>
void ForwardTile(QueryTile& tile, const KvBlock* blocks, int64_t num_blocks, const T* k, const T* v,
                 int64_t num_kv_heads, int64_t kv_head, int64_t E, float scale) {
  // Scores of all queries by absolute position; the slack takes what a partial page writes past its
  // end.
  const int64_t earliest = tile.first[0], longest = tile.limit[tile.count - 1];
  int64_t block_begin = 0;
  while (blocks[block_begin].position + blocks[block_begin].count <= earliest) ++block_begin;
  const int64_t stride = (longest + kPageTokens + kChains - 1) / kChains * kChains + kPageTokens;
  thread_local std::vector<float> scores;
  if (static_cast<int64_t>(scores.size()) < kMaxQueries * stride)
    scores.resize(kMaxQueries * stride);
  float* out[kMaxQueries];
  for (int64_t b = block_begin; b < num_blocks && blocks[b].position < longest; ++b) {
    for (int64_t i = 0; i < tile.count; ++i)
      out[i] = scores.data() + i * stride + blocks[b].position;
    Dots(tile.count, tile.q, k + (blocks[b].page * num_kv_heads + kv_head) * E * kPageTokens,
         kPageTokens, E, scale, out);
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    Weights(scores.data() + i * stride, earliest / kChains * kChains, tile.first[i], tile.limit[i],
            &tile.m[i], &tile.l[i]);
    std::fill(tile.o[i], tile.o[i] + E, 0.0f);
  }
  const float* w[kMaxQueries];
  for (int64_t b = block_begin; b < num_blocks && blocks[b].position < longest; ++b) {
    // From the tile's earliest key on: a weight of 0 before a query's own first key changes no bit.
    const int64_t skip = std::max<int64_t>(earliest - blocks[b].position, 0);
    const T* page = v + (blocks[b].page * num_kv_heads + kv_head) * kPageTokens * E + skip * E;
    for (int64_t i = 0; i < tile.count; ++i)
      w[i] = scores.data() + i * stride + blocks[b].position + skip;
    int64_t i = 0;
    while (i < tile.count) {
      // Together as far as all of the pair or four see; then each its own last keys.
      const int64_t group = tile.count - i >= 4 ? 4 : tile.count - i >= 2 ? 2 : 1;
      const auto seen = [&](int64_t c) {
        return std::clamp<int64_t>(tile.limit[i + c] - blocks[b].position, skip, blocks[b].count) -
               skip;
      };
      const int64_t common = seen(0);  // limits rise within a tile
      if (group == 4) MixAll<4>(w + i, page, common, E, tile.o + i);
      if (group == 2) MixAll<2>(w + i, page, common, E, tile.o + i);
      if (group == 1) MixAll<1>(w + i, page, common, E, tile.o + i);
      for (int64_t c = 1; c < group; ++c) {
        if (seen(c) == common) continue;
        const float* wc[1] = {w[i + c] + common};
        MixAll<1>(wc, page + common * E, seen(c) - common, E, tile.o + i + c);
      }
      i += group;
    }
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    const float inverse = 1.0f / tile.l[i];
    for (int64_t e = 0; e < E; ++e) tile.o[i][e] *= inverse;
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

// row[e] = fma(a, x[e], row[e]) over the tile's queries in order.
HWY_INLINE void AccumulateRow(int64_t count, const float* a, const float* const* x, int64_t E,
                              float* row) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  int64_t e = 0;
  for (; e + lanes <= E; e += lanes) {
    V acc = hn::LoadU(kD, row + e);
    for (int64_t i = 0; i < count; ++i)
      acc = hn::MulAdd(hn::Set(kD, a[i]), hn::LoadU(kD, x[i] + e), acc);
    hn::StoreU(acc, kD, row + e);
  }
  for (; e < E; ++e) {
    for (int64_t i = 0; i < count; ++i) row[e] = std::fma(a[i], x[i][e], row[e]);
  }
}

void BackwardTileRun(const BackwardTile& tile, const KvBlock* blocks, int64_t num_blocks,
                     const UnitKeys& keys, int64_t E, float scale) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  float delta[kMaxQueries], inverse[kMaxQueries];
  for (int64_t i = 0; i < tile.count; ++i) {
    HWY_ALIGN float chains[kChains] = {};
    for (int64_t e = 0; e < E; ++e)
      chains[e % kChains] = std::fma(tile.g[i][e], tile.o[i][e], chains[e % kChains]);
    delta[i] = TreeSum(chains);
    inverse[i] = 1.0f / tile.l[i];
    std::fill(tile.dq[i], tile.dq[i] + E, 0.0f);
  }
  HWY_ALIGN float p[kMaxQueries][kPageTokens];
  HWY_ALIGN float ds[kMaxQueries][kPageTokens];
  float *p_rows[kMaxQueries], *ds_rows[kMaxQueries];
  for (int64_t i = 0; i < tile.count; ++i) p_rows[i] = p[i], ds_rows[i] = ds[i];
  const int64_t earliest = tile.first[0], longest = tile.limit[tile.count - 1];
  for (int64_t b = 0; b < num_blocks && blocks[b].position < longest; ++b) {
    if (blocks[b].position + blocks[b].count <= earliest) continue;
    const int64_t local = blocks[b].row - keys.first_row;
    Dots(tile.count, tile.q, keys.kt + local, keys.stride, E, scale, p_rows);
    Dots(tile.count, tile.g, keys.vt + local, keys.stride, E, 1.0f, ds_rows);
    int64_t from[kMaxQueries], seen[kMaxQueries];  // of this block
    for (int64_t i = 0; i < tile.count; ++i) {
      seen[i] = std::clamp<int64_t>(tile.limit[i] - blocks[b].position, 0, blocks[b].count);
      from[i] = std::clamp<int64_t>(tile.first[i] - blocks[b].position, 0, seen[i]);
      const V vm = hn::Set(kD, tile.m[i]), vi = hn::Set(kD, inverse[i]);
      const V vdelta = hn::Set(kD, delta[i]), vscale = hn::Set(kD, scale);
      for (int64_t j = 0; j < kPageTokens; j += lanes) {
        const V w = hn::Mul(ExpV(kD, hn::Sub(hn::Load(kD, p[i] + j), vm)), vi);
        hn::Store(w, kD, p[i] + j);
        hn::Store(hn::Mul(hn::Mul(w, hn::Sub(hn::Load(kD, ds[i] + j), vdelta)), vscale), kD,
                  ds[i] + j);
      }
      const float* ds_row[1] = {ds[i] + from[i]};
      float* dq_row[1] = {tile.dq[i]};
      MixAll<1>(ds_row, keys.k + (local + from[i]) * E, seen[i] - from[i], E, dq_row);
    }
    float a[kMaxQueries];
    for (int64_t j = from[0]; j < seen[tile.count - 1]; ++j) {
      // Queries whose limit is before this key are the tile's first ones, those whose window begins
      // after it the last ones.
      int64_t first = 0, end = tile.count;
      while (seen[first] <= j) ++first;
      while (end > first && from[end - 1] > j) --end;
      const int64_t count = end - first;
      for (int64_t i = 0; i < count; ++i) a[i] = ds[first + i][j];
      AccumulateRow(count, a, tile.q + first, E, keys.dk + (local + j) * keys.d_stride);
      for (int64_t i = 0; i < count; ++i) a[i] = p[first + i][j];
      AccumulateRow(count, a, tile.g + first, E, keys.dv + (local + j) * keys.d_stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {
namespace {

void CheckShape(const AttentionShape& s) {
  RLVR_CHECK(s.num_kv_heads > 0 && s.num_heads % s.num_kv_heads == 0 && s.head_dim > 0)
      << s.num_heads << " " << s.num_kv_heads << " " << s.head_dim;
}

}  // namespace

void WriteKv(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
             const AttentionShape& shape, const KvLayer& layer) {
  CheckShape(shape);
  const int64_t E = shape.head_dim, K = shape.num_kv_heads;
  RLVR_CHECK(k.rows == static_cast<int64_t>(slots.size()) && k.cols == K * E && v.cols == K * E);
  const auto write = [&](auto* kd, auto* vd, auto convert) {
    ParallelFor(k.rows, 16, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t h = 0; h < K; ++h) {
          const int64_t base = (slots[t].page * K + h) * E * kPageTokens;
          for (int64_t e = 0; e < E; ++e) {
            kd[base + e * kPageTokens + slots[t].offset] = convert(k(t, h * E + e));
            vd[base + slots[t].offset * E + e] = convert(v(t, h * E + e));
          }
        }
      }
    });
  };
  if (layer.type == ComputeType::kFp32) {
    write(static_cast<float*>(layer.k), static_cast<float*>(layer.v), [](float x) { return x; });
  } else {
    write(static_cast<Bf16*>(layer.k), static_cast<Bf16*>(layer.v),
          [](float x) { return ToBf16(x); });
  }
}

void Attention(View<const float> q, const BlockTable& table, const KvLayer& layer,
               const AttentionShape& shape, View<float> o, View<float> max_score, View<float> sum) {
  CheckShape(shape);
  RLVR_CHECK(q.cols == shape.num_heads * shape.head_dim && o.rows == q.rows && o.cols == q.cols);
  if (ActiveIsa() == Isa::kScalar) return ref::Attention(q, table, layer, shape, o, max_score, sum);
  const int64_t E = shape.head_dim, per_kv = shape.num_heads / shape.num_kv_heads;
  const int64_t heads_at_once = std::min(per_kv, kMaxQueries);
  const int64_t rows_at_once = kMaxQueries / heads_at_once;
  struct Task {
    const AttentionRun* run;
    int64_t first, rows;
  };
  thread_local std::vector<Task> tasks;
  tasks.clear();
  for (const AttentionRun& run : table.runs) {
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
        forward(tile, table.blocks.data() + task.run->block_begin,
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

void AttentionBackward(View<const float> d_o, View<const float> q, View<const float> o,
                       View<const float> max_score, View<const float> sum, const BlockTable& table,
                       std::span<const int64_t> unit_begin, const KvLayer& layer,
                       const AttentionShape& shape, View<float> dq, View<float> dk,
                       View<float> dv) {
  CheckShape(shape);
  RLVR_CHECK(d_o.rows == q.rows && o.rows == q.rows && dq.rows == q.rows && dk.rows == q.rows &&
             dv.rows == q.rows);
  RLVR_CHECK(!unit_begin.empty() && unit_begin.back() == q.rows && dk.stride == dv.stride);
  if (ActiveIsa() == Isa::kScalar) {
    return ref::AttentionBackward(d_o, q, o, max_score, sum, table, unit_begin, layer, shape, dq,
                                  dk, dv);
  }
  const int64_t E = shape.head_dim, K = shape.num_kv_heads, per_kv = shape.num_heads / K;
  const int64_t heads_at_once = std::min(per_kv, kMaxQueries);
  RLVR_CHECK(per_kv <= kMaxQueries) << "more than " << kMaxQueries << " query heads per KV head";
  const int64_t rows_at_once = kMaxQueries / heads_at_once;
  // Runs of each unit: they cover the rows in order.
  std::vector<size_t> run_begin = {0};
  for (size_t u = 0, r = 0; u + 1 < unit_begin.size(); ++u) {
    while (r < table.runs.size() && table.runs[r].row < unit_begin[u + 1]) ++r;
    run_begin.push_back(r);
  }
  const auto backward = RLVR_DISPATCH(BackwardTileRun);
  const auto units = static_cast<int64_t>(unit_begin.size()) - 1;
  ParallelFor(units * K, 1, [&](int64_t begin, int64_t end) {
    thread_local AlignedBuffer<float> kt, vt, rows;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t u = task / K, kv = task % K;
      const int64_t first = unit_begin[u], n = unit_begin[u + 1] - first;
      if (n == 0) continue;
      UnitKeys keys{.first_row = first, .stride = n + kPageTokens, .d_stride = dk.stride};
      if (kt.size() < E * keys.stride) {
        kt.Resize(E * keys.stride);
        vt.Resize(E * keys.stride);
      }
      if (rows.size() < n * E) rows.Resize(n * E);
      // What a partial page reads past its end must not be NaN: it is not used, but may slow the
      // units down.
      for (int64_t e = 0; e < E; ++e) {
        std::fill(kt.data() + e * keys.stride + n, kt.data() + (e + 1) * keys.stride, 0.0f);
        std::fill(vt.data() + e * keys.stride + n, vt.data() + (e + 1) * keys.stride, 0.0f);
      }
      const auto unpack = [&](const auto* kd, const auto* vd, auto convert) {
        for (size_t r = run_begin[u]; r < run_begin[u + 1]; ++r) {
          const AttentionRun& run = table.runs[r];
          for (int64_t b = run.block_begin; b < run.block_end; ++b) {
            const KvBlock& block = table.blocks[b];
            if (block.row < run.row) continue;  // an ancestor's: unpacked with its own run
            for (int64_t j = 0; j < block.count; ++j) {
              const int64_t local = block.row + j - first;
              const int64_t base = (block.page * K + kv) * E * kPageTokens;
              for (int64_t e = 0; e < E; ++e) {
                const float key = convert(kd[base + e * kPageTokens + j]);
                kt[e * keys.stride + local] = key;
                rows[local * E + e] = key;
                vt[e * keys.stride + local] = convert(vd[base + j * E + e]);
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
      keys.dk = dk.row(first) + kv * E;
      keys.dv = dv.row(first) + kv * E;
      for (int64_t t = 0; t < n; ++t) {
        std::fill(keys.dk + t * keys.d_stride, keys.dk + t * keys.d_stride + E, 0.0f);
        std::fill(keys.dv + t * keys.d_stride, keys.dv + t * keys.d_stride + E, 0.0f);
      }
      for (size_t r = run_begin[u]; r < run_begin[u + 1]; ++r) {
        const AttentionRun& run = table.runs[r];
        for (int64_t r0 = 0; r0 < run.num_rows; r0 += rows_at_once) {
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
          backward(tile, table.blocks.data() + run.block_begin, run.block_end - run.block_begin,
                   keys, E, shape.scale);
        }
      }
    }
  });
}

}  // namespace rlvr
#endif  // HWY_ONCE
