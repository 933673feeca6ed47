// The two halves of a layer, shared by Forward and by Backward's recomputation. Internal to model/.
#ifndef RLVR_MODEL_LAYER_FORWARD_H_
#define RLVR_MODEL_LAYER_FORWARD_H_
#include "model/activation_layout.h"
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

// x [T, D] += attention half; fills a.{input_rstd, qkv, q, q_rstd, k_rstd, max_score, sum,
// attention}. write_kv is false when the cache already holds this batch. w: of T rows.
void AttentionHalf(const Model& model, int64_t l, const BatchRows& rows, const KvLayer& kv,
                   bool write_kv, const ForwardArrays& w, const Activations::Layer& a,
                   View<float> x);
// Its feed-forward half as far as Backward needs it: fills a.{middle_rstd, gate_up} of x [T, D].
void GateUp(const Model& model, int64_t l, const ForwardArrays& w, const Activations::Layer& a,
            View<const float> x);
// x [T, D] += feed-forward half; fills a.{middle_rstd, gate_up}.
void FeedForwardHalf(const Model& model, int64_t l, const ForwardArrays& w,
                     const Activations::Layer& a, View<float> x);

}  // namespace rlvr
#endif  // RLVR_MODEL_LAYER_FORWARD_H_
