// The two halves of a layer, shared by Forward and by Backward's recomputation. Internal to model/.
#ifndef RLVR_MODEL_LAYER_FORWARD_H_
#define RLVR_MODEL_LAYER_FORWARD_H_
#include "model/model.h"

namespace rlvr {

// Consecutive rows of a batch that read no key or value which its other rows write.
struct BatchRows {
  int64_t begin = 0, end = 0;
  std::span<const int32_t> tokens, positions;
  std::span<const KvSlot> slots;
  std::span<const KvBlock> blocks;
  std::span<const AttentionRun> runs;  // their rows count from `begin`
  int64_t size() const { return end - begin; }
};
BatchRows AllRows(const TokenBatch& batch);

// Activations::Layer as matrices.
struct LayerViews {
  View<float> input_rstd, qkv, q, q_rstd, k_rstd, max_score, sum, attention, middle, middle_rstd,
      gate_up;
  LayerViews Rows(int64_t begin, int64_t end) const;
};
// Sizes what a pass over T rows fills. Without QK-norm q is a part of qkv.
LayerViews Allocate(const ModelConfig& config, int64_t T, Activations::Layer* layer);

// x [T, D] += attention half; fills a.{input_rstd, qkv, q, q_rstd, k_rstd, max_score, sum,
// attention}. write_kv is false when the cache already holds this batch.
void AttentionHalf(const Model& model, int64_t l, const BatchRows& rows, const KvLayer& kv,
                   bool write_kv, Workspace& ws, const LayerViews& a, View<float> x);
// x [T, D] += feed-forward half; fills a.{middle_rstd, gate_up}.
void FeedForwardHalf(const Model& model, int64_t l, Workspace& ws, const LayerViews& a,
                     View<float> x);

// [rows, cols] in a buffer that grows.
inline View<float> Sized(AlignedBuffer<float>& buffer, int64_t rows, int64_t cols) {
  buffer.Resize(rows * cols);
  return {buffer.data(), rows, cols};
}

}  // namespace rlvr
#endif  // RLVR_MODEL_LAYER_FORWARD_H_
