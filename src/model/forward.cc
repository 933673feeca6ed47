// One forward for decode, prefill and training.
#include "model/layer_forward.h"
#include "model/model.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {

void AttentionHalf(const Model& model, int64_t l, const TokenBatch& batch, const KvLayer& kv,
                   bool write_kv, Workspace& ws, Activations::Layer& a, View<float> x) {
  const ModelConfig& c = model.config();
  const LayerLayout& w = model.layout().layers[l];
  const Model::PackedLayer& packed = model.packed_layers()[l];
  const AttentionShape shape = c.attention(l);
  const int64_t T = x.rows, D = c.hidden_size, E = c.head_dim;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  const auto eps = static_cast<float>(c.rms_norm_eps);

  View<float> normed = Sized(ws.normed, T, D);
  RmsNorm(x, model.Matrix(w.input_norm, 1, D), eps, normed, Sized(a.input_rstd, T, 1));
  View<float> qkv = Sized(a.qkv, T, (H + 2 * K) * E);
  MatMul(normed, packed.qkv, qkv);

  const View<float> q_part = qkv.Cols(0, H * E), k_part = qkv.Cols(H * E, (H + K) * E),
                    v_part = qkv.Cols((H + K) * E, (H + 2 * K) * E);
  if (c.qkv_bias) {
    AddBias(model.Matrix(w.q_bias, 1, H * E), q_part);
    AddBias(model.Matrix(w.k_bias, 1, K * E), k_part);
    AddBias(model.Matrix(w.v_bias, 1, K * E), v_part);
  }

  View<float> q = Sized(a.q, T, H * E), k = Sized(ws.k, T, K * E);
  if (c.qk_norm) {
    RmsNormHeads(q_part, model.Matrix(w.q_norm, 1, E), H, eps, q, Sized(a.q_rstd, T, H));
    RmsNormHeads(k_part, model.Matrix(w.k_norm, 1, E), K, eps, k, Sized(a.k_rstd, T, K));
  } else {
    Copy(q_part, q);
    Copy(k_part, k);
  }
  Rope(model.rope(), batch.positions, H, q);
  if (write_kv) {
    Rope(model.rope(), batch.positions, K, k);
    WriteKv(k, v_part, batch.slots, shape, kv);
  }
  View<float> attention = Sized(a.attention, T, H * E);
  Attention(q, batch.table, kv, shape, attention, Sized(a.max_score, T, H), Sized(a.sum, T, H));
  MatMul(attention, packed.o, x, Epilogue::kAdd);
  if (c.o_bias) AddBias(model.Matrix(w.o_bias, 1, D), x);
}

void FeedForwardHalf(const Model& model, int64_t l, Workspace& ws, Activations::Layer& a,
                     View<float> x) {
  const ModelConfig& c = model.config();
  const Model::PackedLayer& packed = model.packed_layers()[l];
  const int64_t T = x.rows, D = c.hidden_size, F = c.intermediate_size;
  View<float> normed = Sized(ws.normed, T, D);
  RmsNorm(x, model.Matrix(model.layout().layers[l].post_norm, 1, D),
          static_cast<float>(c.rms_norm_eps), normed, Sized(a.middle_rstd, T, 1));
  View<float> gate_up = Sized(a.gate_up, T, 2 * F);
  MatMul(normed, packed.gate_up, gate_up);
  View<float> act = Sized(ws.act, T, F);
  SwiGlu(gate_up, act);
  MatMul(act, packed.down, x, Epilogue::kAdd);
}

void Forward(const Model& model, const TokenBatch& batch, KvCache& cache, Workspace& ws,
             Activations* saved, View<float> hidden) {
  const ModelConfig& c = model.config();
  const int64_t T = batch.size(), D = c.hidden_size, L = c.num_hidden_layers;
  RLVR_CHECK(hidden.rows == T && hidden.cols == D);
  if (T == 0) return;
  View<float> x = Sized(ws.x, T, D);
  Embedding(model.Matrix(model.layout().embed, c.vocab_size, D), batch.tokens, x);
  if (saved) saved->layers.resize(static_cast<size_t>(L));
  for (int64_t l = 0; l < L; ++l) {
    const bool keep = saved && !saved->recompute;
    Activations::Layer& a = keep ? saved->layers[l] : ws.layer;
    if (saved) Copy(x, Sized(saved->layers[l].input, T, D));
    AttentionHalf(model, l, batch, cache.layer(l), true, ws, a, x);
    if (keep) Copy(x, Sized(a.middle, T, D));
    FeedForwardHalf(model, l, ws, a, x);
  }
  if (saved) Copy(x, Sized(saved->output, T, D));
  RmsNorm(x, model.Matrix(model.layout().final_norm, 1, D), static_cast<float>(c.rms_norm_eps),
          hidden, saved ? Sized(saved->output_rstd, T, 1) : View<float>());
}

}  // namespace rlvr
