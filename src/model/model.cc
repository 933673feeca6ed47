#include "model/model.h"

namespace rlvr {
namespace {

RopeTable MakeRope(const ModelConfig& c) {
  const RopeParameters rope = ScaledRope(c.head_dim, c.rope_theta, c.rope_scaling);
  return {rope.frequencies, c.context_length(), rope.factor};
}

}  // namespace

Model::Model(const ModelConfig& config, ComputeType compute)
    : config_(config),
      layout_(config),
      compute_(compute),
      weights_(layout_.total),
      packed_(static_cast<size_t>(config.num_hidden_layers)),
      rope_(MakeRope(config)) {
  weights_.Fill(0);
}

View<const float> Model::Matrix(int64_t offset, int64_t rows, int64_t cols) const {
  RLVR_CHECK(offset + rows * cols <= layout_.total);
  return {weights_.data() + offset, rows, cols};
}

void Model::WeightsChanged(bool for_training) {
  const int64_t D = config_.hidden_size, E = config_.head_dim, F = config_.intermediate_size;
  const int64_t HE = config_.num_attention_heads * E, KE = config_.num_key_value_heads * E;
  for (size_t l = 0; l < packed_.size(); ++l) {
    const LayerLayout& w = layout_.layers[l];
    PackedLayer& p = packed_[l];
    const View<const float> qkv[] = {Matrix(w.q_proj, HE, D), Matrix(w.k_proj, KE, D),
                                     Matrix(w.v_proj, KE, D)};
    const View<const float> o[] = {Matrix(w.o_proj, D, HE)};
    const View<const float> gate_up[] = {Matrix(w.gate_proj, F, D), Matrix(w.up_proj, F, D)};
    const View<const float> down[] = {Matrix(w.down_proj, D, F)};
    PackWeight(qkv, compute_, &p.qkv);
    PackWeight(o, compute_, &p.o);
    PackWeight(gate_up, compute_, &p.gate_up);
    PackWeight(down, compute_, &p.down);
    if (!for_training) {  // stale copies must not stay usable
      for (PackedWeight* t : {&p.qkv_t, &p.o_t, &p.gate_up_t, &p.down_t}) *t = {};
      continue;
    }
    PackWeightTransposed(qkv, compute_, &p.qkv_t);
    PackWeightTransposed(o, compute_, &p.o_t);
    PackWeightTransposed(gate_up, compute_, &p.gate_up_t);
    PackWeightTransposed(down, compute_, &p.down_t);
  }
  if (config_.value_head) return;
  const View<const float> head[] = {Matrix(layout_.lm_head, config_.vocab_size, D)};
  PackWeight(head, compute_, &head_);
  if (for_training) {
    PackWeightTransposed(head, compute_, &head_t_);
  } else {
    head_t_ = {};
  }
}

int64_t Model::packed_bytes() const {
  int64_t n = head_.bytes() + head_t_.bytes();
  for (const auto& p : packed_) {
    n += p.qkv.bytes() + p.o.bytes() + p.gate_up.bytes() + p.down.bytes();
    n += p.qkv_t.bytes() + p.o_t.bytes() + p.gate_up_t.bytes() + p.down_t.bytes();
  }
  return n;
}

void TokenBatch::Clear() {
  tokens.clear();
  positions.clear();
  slots.clear();
  table.blocks.clear();
  table.runs.clear();
  unit_begin.clear();
}

int64_t Activations::bytes() const {
  int64_t n = output.capacity_bytes() + output_rstd.capacity_bytes();
  for (const auto& l : layers) {
    for (const auto* b : {&l.input, &l.input_rstd, &l.qkv, &l.q, &l.q_rstd, &l.k_rstd, &l.max_score,
                          &l.sum, &l.attention, &l.middle, &l.middle_rstd, &l.gate_up}) {
      n += b->capacity_bytes();
    }
  }
  return n;
}

int64_t Workspace::bytes() const {
  int64_t n = 0;
  for (const auto* b :
       {&x, &normed, &k, &act, &rstd, &dx, &dnormed, &dqkv, &dattention, &dgate_up, &dact}) {
    n += b->capacity_bytes();
  }
  return n;
}

}  // namespace rlvr
