// Attention's order of every addition, in plain loops (attention.h).
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/sums.h"

namespace rlvr::ref {
namespace {

// Reads K and V of one head as the cache stores them.
struct Reader {
  const KvLayer& layer;
  const AttentionShape& shape;
  int64_t kv_head;
  static float At(const void* data, ComputeType type, int64_t i) {
    return type == ComputeType::kFp32 ? static_cast<const float*>(data)[i]
                                      : ToFloat(static_cast<const Bf16*>(data)[i]);
  }
  float K(int64_t page, int64_t offset, int64_t e) const {
    return At(layer.k, layer.type, layer.KeyIndex(shape, page, kv_head, offset, e));
  }
  float V(int64_t page, int64_t offset, int64_t e) const {
    return At(layer.v, layer.type, layer.ValueIndex(shape, page, kv_head, offset, e));
  }
};

// The keys that the query at `position` of a run sees, in order.
struct Key {
  int64_t page, offset, row, position;
};
std::vector<Key> VisibleKeys(std::span<const KvBlock> blocks, const AttentionRun& run,
                             const AttentionShape& shape, int64_t position) {
  std::vector<Key> keys;
  for (int64_t b = run.block_begin; b < run.block_end; ++b) {
    const KvBlock& block = blocks[b];
    for (int64_t j = 0; j < block.count && block.position + j <= position; ++j) {
      if (block.position + j < shape.FirstKey(position)) continue;
      keys.push_back({block.page, j, block.row + j, block.position + j});
    }
  }
  return keys;
}

float Score(const float* q, const Reader& reader, const Key& key, const AttentionShape& shape) {
  float s = 0;
  for (int64_t e = 0; e < shape.head_dim; ++e)
    s = std::fma(q[e], reader.K(key.page, key.offset, e), s);
  return s * shape.scale;
}

}  // namespace

void Attention(View<const float> q, std::span<const KvBlock> blocks,
               std::span<const AttentionRun> runs, const KvLayer& layer,
               const AttentionShape& shape, View<float> o, View<float> max_score, View<float> sum) {
  const int64_t E = shape.head_dim, per_kv = shape.num_heads / shape.num_kv_heads;
  for (const AttentionRun& run : runs) {
    for (int64_t r = 0; r < run.num_rows; ++r) {
      const auto keys = VisibleKeys(blocks, run, shape, run.position + r);
      for (int64_t h = 0; h < shape.num_heads; ++h) {
        const Reader reader{layer, shape, h / per_kv};
        const float* qr = q.row(run.row + r) + h * E;
        std::vector<float> w;
        float m = -std::numeric_limits<float>::infinity();
        for (const Key& key : keys) {
          w.push_back(Score(qr, reader, key, shape));
          m = std::max(m, w.back());
        }
        float chains[kChains] = {};
        for (size_t j = 0; j < w.size(); ++j) {
          w[j] = ExpF(w[j] - m);
          chains[keys[j].position % kChains] += w[j];
        }
        const float l = TreeSum(chains);
        for (int64_t e = 0; e < E; ++e) {
          float out = 0;
          for (size_t j = 0; j < w.size(); ++j)
            out = std::fma(w[j], reader.V(keys[j].page, keys[j].offset, e), out);
          o(run.row + r, h * E + e) = out * (1.0f / l);
        }
        if (!max_score.empty()) max_score(run.row + r, h) = m;
        if (!sum.empty()) sum(run.row + r, h) = l;
      }
    }
  }
}

void AttentionBackward(View<const float> d_o, View<const float> q, View<const float> o,
                       View<const float> max_score, View<const float> sum, const BlockTable& table,
                       std::span<const int64_t> unit_begin, const KvLayer& layer,
                       const AttentionShape& shape, View<float> dq, View<float> dk,
                       View<float> dv) {
  (void)unit_begin;  // rows of a unit only see keys of that unit, so packed order is unit order
  const int64_t E = shape.head_dim, per_kv = shape.num_heads / shape.num_kv_heads;
  for (int64_t t = 0; t < dk.rows; ++t) {
    for (int64_t i = 0; i < dk.cols; ++i) dk(t, i) = dv(t, i) = 0;
  }
  for (const AttentionRun& run : table.runs) {
    for (int64_t r = 0; r < run.num_rows; ++r) {
      const int64_t row = run.row + r;
      const auto keys = VisibleKeys(table.blocks, run, shape, run.position + r);
      for (int64_t h = 0; h < shape.num_heads; ++h) {
        const int64_t kv = h / per_kv;
        const Reader reader{layer, shape, kv};
        const float *qr = q.row(row) + h * E, *g = d_o.row(row) + h * E, *out = o.row(row) + h * E;
        float chains[kChains] = {};
        for (int64_t e = 0; e < E; ++e)
          chains[e % kChains] = std::fma(g[e], out[e], chains[e % kChains]);
        const float delta = TreeSum(chains);
        const float inverse = 1.0f / sum(row, h);
        for (int64_t e = 0; e < E; ++e) dq(row, h * E + e) = 0;
        for (const Key& key : keys) {
          const float p = ExpF(Score(qr, reader, key, shape) - max_score(row, h)) * inverse;
          float dp = 0;
          for (int64_t e = 0; e < E; ++e)
            dp = std::fma(g[e], reader.V(key.page, key.offset, e), dp);
          const float ds = p * (dp - delta) * shape.scale;
          for (int64_t e = 0; e < E; ++e) {
            float& dqe = dq(row, h * E + e);
            dqe = std::fma(ds, reader.K(key.page, key.offset, e), dqe);
            float& dke = dk(key.row, kv * E + e);
            dke = std::fma(ds, qr[e], dke);
            float& dve = dv(key.row, kv * E + e);
            dve = std::fma(p, g[e], dve);
          }
        }
      }
    }
  }
}

}  // namespace rlvr::ref
