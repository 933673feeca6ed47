// The gradient of Forward, by hand, from the last layer to the embedding.
#include <algorithm>

#include "model/layer_forward.h"
#include "model/model.h"
#include "model/weight_gradients.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {
namespace {

void Zero(View<float> x) {
  for (int64_t t = 0; t < x.rows; ++t) std::fill(x.row(t), x.row(t) + x.cols, 0.0f);
}

}  // namespace

void Backward(const Model& model, const TokenBatch& batch, const KvCache& cache, Workspace& ws,
              Activations& saved, View<float> dhidden, float* gradient) {
  const ModelConfig& c = model.config();
  const ParameterLayout& layout = model.layout();
  const int64_t T = batch.size(), L = c.num_hidden_layers, D = c.hidden_size, E = c.head_dim;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads;
  const std::span<const int64_t> units = batch.unit_begin;
  RLVR_CHECK(dhidden.rows == T && dhidden.cols == D && !units.empty() && units.back() == T);
  if (T == 0) return;
  RLVR_CHECK(ws.holds == &saved && saved.output.rows == T) << "another pass has used the workspace";
  const TrainingArrays work = TakeTraining(c, T, ws.own_matrices, ws.block.data(), &saved);
  const WeightGradients weights(model, units, gradient);

  const View<float> dx = work.dx;  // gradient of the residual stream
  Zero(dx);
  RmsNormBackward(dhidden, saved.output, model.Matrix(layout.final_norm, 1, D), saved.output_rstd,
                  units, dx, weights.Norm(layout.final_norm, D));

  const BatchRows rows = AllRows(batch);
  for (int64_t l = L - 1; l >= 0; --l) {
    const LayerLayout& w = layout.layers[l];
    const Model::PackedLayer& packed = model.packed_layers()[l];
    const Activations::Layer& a = saved.layers[l];
    const View<const float> input = saved.input[l];
    if (l < L - saved.kept_layers) {
      Copy(input, a.middle);
      AttentionHalf(model, l, rows, cache.layer(l), false, work.forward, a, a.middle);
      GateUp(model, l, work.forward, a, a.middle);
    }
    const View<float> normed = work.forward.normed, dnormed = work.dnormed;

    // x += down(swiglu(gate_up(norm(middle))))
    const View<float> dact = work.dact, dgate_up = work.dgate_up;
    MatMul(dx, packed.down_t, dact);
    const View<float> act = dact;  // takes its place
    SwiGluBackward(dact, a.gate_up, dgate_up, act);
    weights.Projections(l, {Projection::kDown}, dx, act);
    MatMul(dgate_up, packed.gate_up_t, dnormed);
    RmsNormBackward(dnormed, a.middle, model.Matrix(w.post_norm, 1, D), a.middle_rstd, units, dx,
                    weights.Norm(w.post_norm, D), normed);
    weights.Projections(l, {Projection::kGate, Projection::kUp}, dgate_up, normed);

    // middle = input + o(attention(rope(norm(q)), rope(norm(k)), v))
    const View<float> dattention = work.dattention, dqkv = work.dqkv;
    weights.Projections(l, {Projection::kO}, dx, a.attention);
    if (c.o_bias) weights.Bias(dx, w.o_bias);
    MatMul(dx, packed.o_t, dattention);
    View<float> dq = dqkv.Cols(0, H * E), dk = dqkv.Cols(H * E, (H + K) * E);
    View<float> dv = dqkv.Cols((H + K) * E, (H + 2 * K) * E);
    AttentionBackward(dattention, a.q, a.attention, a.max_score, a.sum, batch.table, units,
                      cache.layer(l), c.attention(l), dq, dk, dv);
    RopeBackward(model.rope(), batch.positions, H + K, dqkv.Cols(0, (H + K) * E));
    if (c.qk_norm) {
      RmsNormHeadsBackward(dq, a.qkv.Cols(0, H * E), model.Matrix(w.q_norm, 1, E), H, a.q_rstd,
                           units, dq, weights.Norm(w.q_norm, E));
      RmsNormHeadsBackward(dk, a.qkv.Cols(H * E, (H + K) * E), model.Matrix(w.k_norm, 1, E), K,
                           a.k_rstd, units, dk, weights.Norm(w.k_norm, E));
    }
    if (c.qkv_bias) {
      weights.Bias(dq, w.q_bias);
      weights.Bias(dk, w.k_bias);
      weights.Bias(dv, w.v_bias);
    }
    MatMul(dqkv, packed.qkv_t, dnormed);
    RmsNormBackward(dnormed, input, model.Matrix(w.input_norm, 1, D), a.input_rstd, units, dx,
                    weights.Norm(w.input_norm, D), normed);
    weights.Projections(l, {Projection::kQ, Projection::kK, Projection::kV}, dqkv, normed);
  }
  weights.Embedding(dx, batch.tokens);
  ws.holds = nullptr;
}

}  // namespace rlvr
