// Causal grouped-query attention over a tree of segments. Keys and values live in pages; a query
// sees the pages of its path, root first, up to its own position. Masks and trees are nothing but
// page lists.
//
// For one query row at position p and one head, over key positions j = f..p of its path, where f is
// 0, or max(0, p + 1 - window) with a sliding window:
//   s_j  = scale * (chain of fma over e = 0..E-1 of q[e] k_j[e], from 0)
//   m    = max_j s_j;  w_j = ExpF(s_j - m)
//   l    = 16 interleaved sums of w_j by (j mod 16) in order, then TreeSum (s[i] += s[i+8], then 4,
//          2, 1)
//   o[e] = (chain of fma over j = f..p of w_j v_j[e], from 0) * (1 / l)
// So a row's bits depend on its own path alone: not on segments' borders, pages, batch or threads.
#ifndef RLVR_TENSOR_ATTENTION_H_
#define RLVR_TENSOR_ATTENTION_H_
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/types.h"
#include "tensor/view.h"

namespace rlvr {

inline constexpr int64_t kPageTokens = 32;
inline constexpr int64_t kMaxQueriesPerKey = 16;  // H / K, of the backward pass
// Keys of a unit that the backward pass takes all queries past before the next ones: what they and
// their gradients take stays in the second-level cache, however long the unit is.
inline constexpr int64_t kAttentionRangeRows = 512;

struct AttentionShape {
  int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;  // H, K, E; H % K == 0
  float scale = 0;                                        // 1 / sqrt(E)
  int64_t window = 0;  // keys a query sees, its own the last one; 0: all

  // The keys that a query at `position` sees are [FirstKey(position), position].
  int64_t FirstKey(int64_t position) const {
    return window > 0 && position >= window ? position + 1 - window : 0;
  }
  void Check() const;  // throws where the numbers of heads do not go together
};

// One layer's page pool. Page i holds, for each KV head, K transposed [E][kPageTokens] and V
// [kPageTokens][E]; fp32, or bf16 when type is kBf16 (elements are float or Bf16). bf16 has every 32
// elements of a row in pairs, i beside i + 16, so that the low and the high halves of the words of
// one load are 16 neighbours each.
struct KvLayer {
  void* k = nullptr;
  void* v = nullptr;
  ComputeType type = ComputeType::kFp32;

  int64_t KeyIndex(const AttentionShape& s, int64_t page, int64_t kv_head, int64_t offset,
                   int64_t e) const {
    const int64_t row = (page * s.num_kv_heads + kv_head) * s.head_dim + e;
    return row * kPageTokens + Place(offset, kPageTokens);
  }
  int64_t ValueIndex(const AttentionShape& s, int64_t page, int64_t kv_head, int64_t offset,
                     int64_t e) const {
    const int64_t row = (page * s.num_kv_heads + kv_head) * kPageTokens + offset;
    return row * s.head_dim + Place(e, s.head_dim);
  }
  // Of element i in a row of n; those past the last whole 32 stay in order.
  int64_t Place(int64_t i, int64_t n) const {
    if (type == ComputeType::kFp32 || i >= n / 32 * 32) return i;
    return i / 32 * 32 + i % 16 * 2 + i % 32 / 16;
  }
};

// Where one token's K and V are.
struct KvSlot {
  int32_t page = 0, offset = 0;
};

// `count` tokens of one page, at path positions [position, position + count). row: the packed row
// of the first one if these tokens are part of the same batch (training), else -1.
struct KvBlock {
  int32_t page = 0, count = 0;
  int64_t position = 0, row = -1;
};

// Consecutive query rows [row, row + num_rows) of one segment, the first at path position
// `position`; they see blocks [block_begin, block_end), which rise in position without gaps from 0
// and include the rows' own tokens. Keys after a query's own position are masked.
struct AttentionRun {
  int64_t row = 0, num_rows = 0, position = 0;
  int64_t block_begin = 0, block_end = 0;
};

struct BlockTable {
  std::vector<KvBlock> blocks;
  std::vector<AttentionRun> runs;  // cover rows [0, T) in order
};

// Rounds to the layer's type and stores k, v [T, K * E] (strided) at slots [T].
void WriteKv(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
             const AttentionShape& shape, const KvLayer& layer);

// q, o [T, H * E] (strided); max_score, sum [T, H]: m and l, which the backward pass needs (may be
// empty). Parallel over rows and heads.
void Attention(View<const float> q, std::span<const KvBlock> blocks,
               std::span<const AttentionRun> runs, const KvLayer& layer,
               const AttentionShape& shape, View<float> o, View<float> max_score, View<float> sum);

// dq [T, H * E], dk, dv [T, K * E] are stored (not added). Every block's row must be >= 0. K and V
// are read as the cache stores them (straight through the rounding). Sums over queries run in
// packed row order within a unit, so a unit's gradients do not depend on what else is in the batch.
// Parallel over units and KV heads. Memory does not grow with T^2.
void AttentionBackward(View<const float> d_o, View<const float> q, View<const float> o,
                       View<const float> max_score, View<const float> sum, const BlockTable& table,
                       std::span<const int64_t> unit_begin, const KvLayer& layer,
                       const AttentionShape& shape, View<float> dq, View<float> dk, View<float> dv);

namespace ref {
void Attention(View<const float> q, std::span<const KvBlock> blocks,
               std::span<const AttentionRun> runs, const KvLayer& layer,
               const AttentionShape& shape, View<float> o, View<float> max_score, View<float> sum);
void AttentionBackward(View<const float> d_o, View<const float> q, View<const float> o,
                       View<const float> max_score, View<const float> sum, const BlockTable& table,
                       std::span<const int64_t> unit_begin, const KvLayer& layer,
                       const AttentionShape& shape, View<float> dq, View<float> dk, View<float> dv);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_ATTENTION_H_
