#include "model/model.h"

#include <algorithm>
#include <set>

#include "base/thread_pool.h"
#include "tensor/gemm_int8.h"

namespace rlvr {
namespace {

constexpr int64_t kStepElements = 4096;  // of a parameter that is not packed, for one thread

RopeTable MakeRope(const ModelConfig& c) {
  const RopeParameters rope = ScaledRope(c.head_dim, c.rope_theta, c.rope_scaling);
  return {rope.frequencies, c.context_length(), rope.factor};
}

}  // namespace

Model::Model(const ModelConfig& config, ComputeType compute)
    : Model(config, compute, std::make_shared<Shared>(config, MakeRope(config))) {
  shared_->weights.Fill(0);
}

Model::Model(const ModelConfig& config, ComputeType compute, std::shared_ptr<Shared> shared)
    : config_(config),
      compute_(compute),
      shared_(std::move(shared)),
      packed_(static_cast<size_t>(config.num_hidden_layers)) {}

void Model::QuantizeSampler() {
  if (!sampler_) sampler_.reset(new Model(config_, compute_, shared_));
}

View<const float> Model::Matrix(int64_t offset, int64_t rows, int64_t cols) const {
  RLVR_CHECK(offset + rows * cols <= layout().total);
  return {weights() + offset, rows, cols};
}

void Model::AddAdapters(const LoraSettings& settings) {
  shared_->lora = std::make_unique<Lora>(config_, settings, compute_);
}

Model::Trainable Model::trainable() const {
  if (lora()) return {&lora()->parameters(), lora()->total()};
  return {&layout().parameters, layout().total};
}

void Model::MergeAdapters() {
  RLVR_CHECK(lora());
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    for (const Projection p : kProjections) {
      if (!lora()->Adapts(p)) continue;
      const ProjectionWeight w = WeightOf(config_, layout().layers[static_cast<size_t>(l)], p);
      const View<float> own(weights() + w.offset, w.rows, w.cols);
      lora()->Merge(l, p, own, own);
    }
  }
  shared_->lora.reset();
}

const float* Model::Merged(const Parameter& parameter, AlignedBuffer<float>* buffer) const {
  const float* own = weights() + parameter.offset;
  if (!lora()) return own;
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    for (const Projection p : kProjections) {
      const ProjectionWeight w = WeightOf(config_, layout().layers[static_cast<size_t>(l)], p);
      if (w.offset != parameter.offset || !lora()->Adapts(p)) continue;
      buffer->Resize(w.rows * w.cols);
      lora()->Merge(l, p, {own, w.rows, w.cols}, {buffer->data(), w.rows, w.cols});
      return buffer->data();
    }
  }
  return own;
}

const Parameter& Model::ParameterOf(int64_t element) const {
  const auto& all = layout().parameters;
  const auto after =
      std::upper_bound(all.begin(), all.end(), element,
                       [](int64_t offset, const Parameter& p) { return offset < p.offset; });
  return *std::prev(after);
}

void Model::UpdateWeights(const ParameterStep& step) {
  const auto update = [&](const Parameter& p) {
    ParallelFor(p.size(), kStepElements,
                [&](int64_t begin, int64_t end) { step(p, p.offset + begin, p.offset + end); });
  };
  if (lora()) {
    for (const Parameter& p : lora()->parameters()) update(p);
    return WeightsChanged(/*for_training=*/true);
  }
  std::set<int64_t> packed;
  if (!config_.value_head) packed.insert(layout().lm_head);
  for (const LayerLayout& layer : layout().layers) {
    for (const Projection p : kProjections) packed.insert(WeightOf(config_, layer, p).offset);
  }
  for (const Parameter& p : layout().parameters) {
    if (!packed.contains(p.offset)) update(p);
  }
  Pack(/*for_training=*/true, [&](const float* weight, int64_t count) {
    const int64_t begin = weight - weights();
    step(ParameterOf(begin), begin, begin + count);
  });
}

void Model::WeightsChanged(bool for_training) {
  if (lora() && for_training) lora()->WeightsChanged();
  Pack(for_training, nullptr);
}

void Model::Pack(bool for_training, const WeightStep& step) {
  std::array<AlignedBuffer<float>, kProjections.size()> merged;
  // Stale copies must not stay usable.
  const auto pack = [&](std::span<const View<const float>> parts, PackedWeight* out,
                        PackedWeight* transposed) {
    if (!for_training) *transposed = {};
    PackWeight(parts, compute_, out, for_training ? transposed : nullptr, step);
  };
  for (size_t l = 0; l < packed_.size(); ++l) {
    PackedLayer& p = packed_[l];
    const auto matrix = [&](Projection which) -> View<const float> {
      const ProjectionWeight w = WeightOf(config_, layout().layers[l], which);
      const View<const float> own = Matrix(w.offset, w.rows, w.cols);
      if (!lora() || !lora()->Adapts(which)) return own;
      AlignedBuffer<float>& sum = merged[static_cast<size_t>(which)];
      sum.Resize(own.size());
      lora()->Merge(static_cast<int64_t>(l), which, own, {sum.data(), w.rows, w.cols});
      return {sum.data(), w.rows, w.cols};
    };
    const View<const float> qkv[] = {matrix(Projection::kQ), matrix(Projection::kK),
                                     matrix(Projection::kV)};
    const View<const float> o[] = {matrix(Projection::kO)};
    const View<const float> gate_up[] = {matrix(Projection::kGate), matrix(Projection::kUp)};
    const View<const float> down[] = {matrix(Projection::kDown)};
    pack(qkv, &p.qkv, &p.qkv_t);
    pack(o, &p.o, &p.o_t);
    pack(gate_up, &p.gate_up, &p.gate_up_t);
    pack(down, &p.down, &p.down_t);
    if (!sampler_) continue;
    PackedLayer& q = sampler_->packed_[l];
    PackWeightInt8(qkv, &q.qkv);
    PackWeightInt8(o, &q.o);
    PackWeightInt8(gate_up, &q.gate_up);
    PackWeightInt8(down, &q.down);
  }
  if (config_.value_head) return;
  const View<const float> head[] = {
      Matrix(layout().lm_head, config_.vocab_size, config_.hidden_size)};
  pack(head, &shared_->head, &shared_->head_t);
}

int64_t Model::packed_bytes() const {
  int64_t n = shared_->head.bytes() + shared_->head_t.bytes();
  const auto add = [&n](const std::vector<PackedLayer>& layers) {
    for (const auto& p : layers) {
      n += p.qkv.bytes() + p.o.bytes() + p.gate_up.bytes() + p.down.bytes();
      n += p.qkv_t.bytes() + p.o_t.bytes() + p.gate_up_t.bytes() + p.down_t.bytes();
    }
  };
  add(packed_);
  if (sampler_) add(sampler_->packed_);
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

}  // namespace rlvr
