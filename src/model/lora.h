// LoRA, arXiv:2106.09685: W + s B A, of which A and B are trained; s = alpha / rank.
//
// The sum is made in fp32 whenever the adapters changed, and packed for the kernels in W's place:
// sampling, prefill and training run the code of full training at its speed, with the same bits. The
// backward pass makes the gradients of A and B alone.
#ifndef RLVR_MODEL_LORA_H_
#define RLVR_MODEL_LORA_H_
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/projection.h"
#include "tensor/gemm.h"

namespace rlvr {

struct LoraSettings {  // section lora
  int64_t rank = 0;    // 0: every weight is trained
  double alpha = 16;
  std::vector<std::string> target_modules = {kModuleNames.begin(), kModuleNames.end()};
  bool rslora = false;  // s = alpha / sqrt(rank), arXiv:2312.03732
  bool merge = true;    // of the run's model/: the sum, else an adapter in PEFT's format

  bool on() const { return rank > 0; }
  double scale() const;
};

// Throws Error for a name that is none of kModuleNames.
void CheckTargetModules(const std::vector<std::string>& modules, const std::string& place);

// Of the settings' adapters, found without making them.
int64_t NumAdapterParameters(const ModelConfig& config, const LoraSettings& settings);

class Lora {
 public:
  Lora(const ModelConfig& config, const LoraSettings& settings, ComputeType compute);

  const LoraSettings& settings() const { return settings_; }
  // One flat array, as ParameterLayout's: model.layers.0.self_attn.q_proj.lora_A.weight [rank, K],
  // ...lora_B.weight [N, rank].
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t total() const { return weights_.size(); }
  float* weights() { return weights_.data(); }
  const float* weights() const { return weights_.data(); }

  // As PEFT: A uniform in +-1 / sqrt(K), B 0.
  void Initialize(RandomKey key);
  void WeightsChanged();  // packs A and B

  bool Adapts(Projection p) const { return adapted_[static_cast<size_t>(p)]; }
  // out [N, K] = base + s * (B A), in fp32; out may be base.
  void Merge(int64_t layer, Projection p, View<const float> base, View<float> out) const;
  // gradient [total] += that of dy [T, N] = d loss / d(x W^T), x [T, K]:
  // dB = s dy^T (x A^T), dA = s (dy B)^T x.
  void AddGradient(int64_t layer, Projection p, View<const float> dy, View<const float> x,
                   std::span<const int64_t> unit_begin, float* gradient) const;

 private:
  struct Adapter {
    int64_t a = -1, b = -1;            // offsets
    int64_t rows = 0, cols = 0;        // N, K
    PackedWeight down, up_transposed;  // x A^T, dy B
  };
  const Adapter& At(int64_t layer, Projection p) const {
    return adapters_[static_cast<size_t>(layer) * kProjections.size() + static_cast<size_t>(p)];
  }
  LoraSettings settings_;
  ComputeType compute_;
  std::array<bool, kProjections.size()> adapted_{};
  std::vector<Adapter> adapters_;  // [L * 7]
  std::vector<Parameter> parameters_;
  AlignedBuffer<float> weights_;
};

}  // namespace rlvr
#endif  // RLVR_MODEL_LORA_H_
