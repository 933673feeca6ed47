// The two halves of a layer, shared by Forward and by Backward's recomputation. Internal to model/.
#ifndef RLVR_MODEL_LAYER_FORWARD_H_
#define RLVR_MODEL_LAYER_FORWARD_H_
#include "model/model.h"

namespace rlvr {

// x [T, D] += attention half; fills a.{input_rstd, qkv, q, q_rstd, k_rstd, max_score, sum,
// attention}. write_kv is false when the cache already holds this batch.
void AttentionHalf(const Model& model, int64_t l, const TokenBatch& batch, const KvLayer& kv,
                   bool write_kv, Workspace& ws, Activations::Layer& a, View<float> x);
// x [T, D] += feed-forward half; fills a.{middle_rstd, gate_up}.
void FeedForwardHalf(const Model& model, int64_t l, Workspace& ws, Activations::Layer& a,
                     View<float> x);

// [rows, cols] in a buffer that grows.
inline View<float> Sized(AlignedBuffer<float>& buffer, int64_t rows, int64_t cols) {
  buffer.Resize(rows * cols);
  return {buffer.data(), rows, cols};
}

}  // namespace rlvr
#endif  // RLVR_MODEL_LAYER_FORWARD_H_
