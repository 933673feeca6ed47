#include "model/layer_forward.h"

#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {

BatchRows AllRows(const TokenBatch& batch) {
  return {0,           batch.size(),       batch.tokens,    batch.positions,
          batch.slots, batch.table.blocks, batch.table.runs};
}

void AttentionHalf(const Model& model, int64_t l, const BatchRows& rows, const KvLayer& kv,
                   bool write_kv, const ForwardArrays& arrays, const Activations::Layer& a,
                   View<float> x) {
  const ModelConfig& c = model.config();
  const LayerLayout& w = model.layout().layers[l];
  const Model::PackedLayer& packed = model.packed_layers()[l];
  const AttentionShape shape = c.attention(l);
  const int64_t D = c.hidden_size, E = c.head_dim;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  const auto eps = static_cast<float>(c.rms_norm_eps);

  const View<float> normed = arrays.normed;
  RmsNorm(x, model.Matrix(w.input_norm, 1, D), eps, normed, a.input_rstd);
  MatMul(normed, packed.qkv, a.qkv);

  const View<float> q_part = a.qkv.Cols(0, H * E), k_part = a.qkv.Cols(H * E, (H + K) * E),
                    v_part = a.qkv.Cols((H + K) * E, (H + 2 * K) * E);
  if (c.qkv_bias) {
    AddBias(model.Matrix(w.q_bias, 1, H * E), q_part);
    AddBias(model.Matrix(w.k_bias, 1, K * E), k_part);
    AddBias(model.Matrix(w.v_bias, 1, K * E), v_part);
  }
  if (c.qk_norm) {  // whose gradient needs what it was given
    const View<float> k = arrays.k;
    RmsNormHeads(q_part, model.Matrix(w.q_norm, 1, E), H, eps, a.q, a.q_rstd);
    RmsNormHeads(k_part, model.Matrix(w.k_norm, 1, E), K, eps, k, a.k_rstd);
    Rope(model.rope(), rows.positions, H, a.q);
    if (write_kv) {
      Rope(model.rope(), rows.positions, K, k);
      WriteKv(k, v_part, rows.slots, shape, kv);
    }
  } else {
    Rope(model.rope(), rows.positions, H + K, a.qkv.Cols(0, (H + K) * E));
    if (write_kv) WriteKv(k_part, v_part, rows.slots, shape, kv);
  }
  Attention(a.q, rows.blocks, rows.runs, kv, shape, a.attention, a.max_score, a.sum);
  MatMul(a.attention, packed.o, x, Epilogue::kAdd);
  if (c.o_bias) AddBias(model.Matrix(w.o_bias, 1, D), x);
}

void GateUp(const Model& model, int64_t l, const ForwardArrays& w, const Activations::Layer& a,
            View<const float> x) {
  const ModelConfig& c = model.config();
  RmsNorm(x, model.Matrix(model.layout().layers[l].post_norm, 1, c.hidden_size),
          static_cast<float>(c.rms_norm_eps), w.normed, a.middle_rstd);
  MatMul(w.normed, model.packed_layers()[l].gate_up, a.gate_up);
}

void FeedForwardHalf(const Model& model, int64_t l, const ForwardArrays& w,
                     const Activations::Layer& a, View<float> x) {
  GateUp(model, l, w, a, x);
  SwiGlu(a.gate_up, w.act);
  MatMul(w.act, model.packed_layers()[l].down, x, Epilogue::kAdd);
}

}  // namespace rlvr
