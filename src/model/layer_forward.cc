#include "model/layer_forward.h"

#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {

BatchRows AllRows(const TokenBatch& batch) {
  return {0,           batch.size(),       batch.tokens,    batch.positions,
          batch.slots, batch.table.blocks, batch.table.runs};
}

LayerViews LayerViews::Rows(int64_t begin, int64_t end) const {
  LayerViews part = *this;
  for (View<float>* v :
       {&part.input_rstd, &part.qkv, &part.q, &part.q_rstd, &part.k_rstd, &part.max_score,
        &part.sum, &part.attention, &part.middle, &part.middle_rstd, &part.gate_up}) {
    if (v->rows > 0) *v = v->Rows(begin, end);
  }
  return part;
}

LayerViews Allocate(const ModelConfig& c, int64_t T, Activations::Layer* layer) {
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads, E = c.head_dim;
  LayerViews a;
  a.input_rstd = Sized(layer->input_rstd, T, 1);
  a.qkv = Sized(layer->qkv, T, (H + 2 * K) * E);
  a.q = c.qk_norm ? Sized(layer->q, T, H * E) : a.qkv.Cols(0, H * E);
  if (c.qk_norm) {
    a.q_rstd = Sized(layer->q_rstd, T, H);
    a.k_rstd = Sized(layer->k_rstd, T, K);
  }
  a.max_score = Sized(layer->max_score, T, H);
  a.sum = Sized(layer->sum, T, H);
  a.attention = Sized(layer->attention, T, H * E);
  a.middle = Sized(layer->middle, T, c.hidden_size);
  a.middle_rstd = Sized(layer->middle_rstd, T, 1);
  a.gate_up = Sized(layer->gate_up, T, 2 * c.intermediate_size);
  return a;
}

void AttentionHalf(const Model& model, int64_t l, const BatchRows& rows, const KvLayer& kv,
                   bool write_kv, Workspace& ws, const LayerViews& a, View<float> x) {
  const ModelConfig& c = model.config();
  const LayerLayout& w = model.layout().layers[l];
  const Model::PackedLayer& packed = model.packed_layers()[l];
  const AttentionShape shape = c.attention(l);
  const int64_t T = x.rows, D = c.hidden_size, E = c.head_dim;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  const auto eps = static_cast<float>(c.rms_norm_eps);

  View<float> normed = Sized(ws.normed, T, D);
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
    View<float> k = Sized(ws.k, T, K * E);
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

void FeedForwardHalf(const Model& model, int64_t l, Workspace& ws, const LayerViews& a,
                     View<float> x) {
  const ModelConfig& c = model.config();
  const Model::PackedLayer& packed = model.packed_layers()[l];
  const int64_t T = x.rows, D = c.hidden_size, F = c.intermediate_size;
  View<float> normed = Sized(ws.normed, T, D);
  RmsNorm(x, model.Matrix(model.layout().layers[l].post_norm, 1, D),
          static_cast<float>(c.rms_norm_eps), normed, a.middle_rstd);
  MatMul(normed, packed.gate_up, a.gate_up);
  View<float> act = Sized(ws.act, T, F);
  SwiGlu(a.gate_up, act);
  MatMul(act, packed.down, x, Epilogue::kAdd);
}

}  // namespace rlvr
