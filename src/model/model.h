// A decoder-only transformer: one forward for sampling, prefill and training, and its backward by
// hand. Read in this order: config.h, parameters.h, kv_cache.h, activations.h, this, head.h,
// pack_tree.h, hf_folder.h.
#ifndef RLVR_MODEL_MODEL_H_
#define RLVR_MODEL_MODEL_H_
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/activations.h"
#include "model/config.h"
#include "model/kv_cache.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "tensor/gemm.h"
#include "tensor/rope.h"

namespace rlvr {

class Model {
 public:
  // Weights start at 0; fill weights() and call WeightsChanged().
  Model(const ModelConfig& config, ComputeType compute);

  const ModelConfig& config() const { return config_; }
  const ParameterLayout& layout() const { return shared_->layout; }
  ComputeType compute() const { return compute_; }
  float* weights() { return shared_->weights.data(); }  // [layout().total], fp32 master
  const float* weights() const { return shared_->weights.data(); }
  View<const float> Matrix(int64_t offset, int64_t rows, int64_t cols) const;

  // From now on only the adapters are trained, W + s B A is what the kernels read.
  void AddAdapters(const LoraSettings& settings);
  // The sum becomes the weights, and there are no adapters any more.
  void MergeAdapters();
  Lora* lora() { return shared_->lora.get(); }
  const Lora* lora() const { return shared_->lora.get(); }  // null: every weight is trained
  // What an optimizer changes: every weight, or the adapters; gradients and moments are arrays [total].
  struct Trainable {
    const std::vector<Parameter>* parameters = nullptr;
    int64_t total = 0;
  };
  Trainable trainable() const;
  float* trainable_weights() { return lora() ? lora()->weights() : weights(); }
  // A weight's values with its adapter, if it has one; in `buffer` then.
  const float* Merged(const Parameter& parameter, AlignedBuffer<float>* buffer) const;

  // Rounds and packs the weights for the kernels: after every change, before the next use.
  // for_training: also the transposed copies that Backward needs. The sampler's too, if there is one.
  void WeightsChanged(bool for_training);
  // An optimizer's step over all that is trained, then WeightsChanged(true): a weight is packed out of
  // the cache that its step has left it in. step makes elements [begin, end) of trainable_weights()
  // final, which are of one parameter; it is called once for each element, by many threads.
  using ParameterStep = std::function<void(const Parameter& parameter, int64_t begin, int64_t end)>;
  void UpdateWeights(const ParameterStep& step);

  // From the next WeightsChanged on sampler() is this policy with the layers' matrices in 8 bits
  // (tensor/gemm_int8.h), for sampling: another policy. All else it reads where this model has it:
  // fp32 weights, norms, embeddings, head. It lives as long as this model; nobody else changes it.
  void QuantizeSampler();
  const Model& sampler() const { return sampler_ ? *sampler_ : *this; }

  struct PackedLayer {
    PackedWeight qkv, o, gate_up, down;          // y = x W^T; in 8 bits for a sampler
    PackedWeight qkv_t, o_t, gate_up_t, down_t;  // dx = dy W
  };
  const std::vector<PackedLayer>& packed_layers() const { return packed_; }
  const PackedWeight& packed_head() const { return shared_->head; }
  const PackedWeight& packed_head_t() const { return shared_->head_t; }
  const RopeTable& rope() const { return shared_->rope; }
  int64_t packed_bytes() const;  // of all copies, the sampler's too

 private:
  // What a sampler shares with its model.
  struct Shared {
    Shared(const ModelConfig& config, RopeTable table)
        : layout(config), weights(layout.total), rope(std::move(table)) {}
    ParameterLayout layout;
    AlignedBuffer<float> weights;
    PackedWeight head, head_t;
    RopeTable rope;
    std::unique_ptr<Lora> lora;
  };
  Model(const ModelConfig& config, ComputeType compute, std::shared_ptr<Shared> shared);

  const Parameter& ParameterOf(int64_t element) const;
  void Pack(bool for_training, const WeightStep& step);

  ModelConfig config_;
  ComputeType compute_;
  std::shared_ptr<Shared> shared_;
  std::vector<PackedLayer> packed_;
  std::unique_ptr<Model> sampler_;
};

// T tokens to run, wherever they come from: decode steps, prompts, packed trees.
struct TokenBatch {
  std::vector<int32_t> tokens;     // [T]
  std::vector<int32_t> positions;  // [T] on the path
  std::vector<KvSlot> slots;       // [T] reserved in the cache
  BlockTable table;
  // [U + 1], from 0 to T: rows of one unit read keys and values of their own unit, or such as were
  // in the cache before. Backward needs them; Forward shares out work by them, if they are there.
  std::vector<int64_t> unit_begin;
  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  void Clear();
};

// hidden [T, D]: after the final norm; without data the workspace's first own matrix. The cache is
// written at batch.slots. saved: what Backward needs, in the workspace; null: nothing.
void Forward(const Model& model, const TokenBatch& batch, KvCache& cache, Workspace& workspace,
             Activations* saved, View<float> hidden);

// dhidden [T, D]: gradient with respect to `hidden`. Adds to gradient [trainable().total]. The cache and
// the workspace must still hold what Forward wrote; afterwards `saved` is used up.
void Backward(const Model& model, const TokenBatch& batch, const KvCache& cache,
              Workspace& workspace, Activations& saved, View<float> dhidden, float* gradient);

}  // namespace rlvr
#endif  // RLVR_MODEL_MODEL_H_
