#include "model/lora.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "base/thread_pool.h"

namespace rlvr {
namespace {

void Scale(float factor, View<float> x) {
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t i = 0; i < x.cols; ++i) x(t, i) *= factor;
  }
}

}  // namespace

double LoraSettings::scale() const {
  const auto r = static_cast<double>(rank);
  return alpha / (rslora ? std::sqrt(r) : r);
}

void CheckTargetModules(const std::vector<std::string>& modules, const std::string& place) {
  const std::vector<std::string> known(kModuleNames.begin(), kModuleNames.end());
  for (const std::string& module : modules) {
    if (std::find(known.begin(), known.end(), module) == known.end())
      throw Error(place, "there is no module '" + module + "'", DidYouMean(module, known));
  }
}

int64_t NumAdapterParameters(const ModelConfig& config, const LoraSettings& settings) {
  int64_t of_a_layer = 0;
  for (const Projection p : kProjections) {
    const std::string name = kModuleNames[static_cast<size_t>(p)];
    const auto& modules = settings.target_modules;
    if (std::find(modules.begin(), modules.end(), name) == modules.end()) continue;
    const ProjectionWeight w = WeightOf(config, {}, p);
    of_a_layer += settings.rank * (w.rows + w.cols);
  }
  return config.num_hidden_layers * of_a_layer;
}

Lora::Lora(const ModelConfig& config, const LoraSettings& settings, ComputeType compute)
    : settings_(settings), compute_(compute) {
  CheckTargetModules(settings.target_modules, "lora.target_modules");
  for (size_t i = 0; i < kModuleNames.size(); ++i) {
    adapted_[i] = std::find(settings.target_modules.begin(), settings.target_modules.end(),
                            kModuleNames[i]) != settings.target_modules.end();
  }
  const ParameterLayout layout(config);
  int64_t total = 0;
  const auto add = [&](const std::string& name, int64_t rows, int64_t cols) {
    Parameter p{name, {rows, cols}, total, true};
    total += (p.size() + 15) / 16 * 16;
    parameters_.push_back(p);
    return p.offset;
  };
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    for (const Projection p : kProjections) {
      Adapter adapter;
      if (Adapts(p)) {
        const ProjectionWeight w = WeightOf(config, layout.layers[static_cast<size_t>(l)], p);
        const std::string name = "model.layers." + std::to_string(l) + "." +
                                 kProjectionNames[static_cast<size_t>(p)] + ".lora_";
        adapter.rows = w.rows;
        adapter.cols = w.cols;
        adapter.a = add(name + "A.weight", settings.rank, w.cols);
        adapter.b = add(name + "B.weight", w.rows, settings.rank);
      }
      adapters_.push_back(std::move(adapter));
    }
  }
  weights_.Resize(total);
  weights_.Fill(0);
}

void Lora::Initialize(RandomKey key) {
  for (size_t i = 0; i < adapters_.size(); ++i) {
    const Adapter& a = adapters_[i];
    if (a.a < 0) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(a.cols));
    for (int64_t j = 0; j < settings_.rank * a.cols; ++j)
      weights_[a.a + j] =
          static_cast<float>(bound * (2 * key[i].Uniform(static_cast<uint64_t>(j)) - 1));
    std::fill_n(weights_.data() + a.b, a.rows * settings_.rank, 0.0f);
  }
}

void Lora::WeightsChanged() {
  for (Adapter& a : adapters_) {
    if (a.a < 0) continue;
    const View<const float> down[] = {{weights_.data() + a.a, settings_.rank, a.cols}};
    const View<const float> up[] = {{weights_.data() + a.b, a.rows, settings_.rank}};
    PackWeight(down, compute_, &a.down);
    PackWeightTransposed(up, compute_, &a.up_transposed);
  }
}

void Lora::Merge(int64_t layer, Projection p, View<const float> base, View<float> out) const {
  const Adapter& adapter = At(layer, p);
  RLVR_CHECK(adapter.a >= 0 && base.rows == adapter.rows && base.cols == adapter.cols &&
             out.rows == base.rows && out.cols == base.cols);
  const int64_t r = settings_.rank, N = adapter.rows, K = adapter.cols;
  const View<const float> A[] = {{weights_.data() + adapter.a, r, K}};
  PackedWeight packed;
  PackWeightTransposed(A, ComputeType::kFp32, &packed);
  AlignedBuffer<float> sum(N * K);
  const View<float> product(sum.data(), N, K);
  MatMul({weights_.data() + adapter.b, N, r}, packed, product);
  const auto scale = static_cast<float>(settings_.scale());
  ParallelFor(N, 16, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *from = base.row(n), *ba = product.row(n);
      float* to = out.row(n);
      for (int64_t k = 0; k < K; ++k) to[k] = from[k] + scale * ba[k];
    }
  });
}

void Lora::AddGradient(int64_t layer, Projection p, View<const float> dy, View<const float> x,
                       std::span<const int64_t> unit_begin, float* gradient) const {
  const Adapter& a = At(layer, p);
  RLVR_CHECK(a.a >= 0 && dy.cols == a.rows && x.cols == a.cols && dy.rows == x.rows);
  const int64_t T = x.rows, r = settings_.rank;
  const auto scale = static_cast<float>(settings_.scale());
  AlignedBuffer<float> low(2 * T * r);
  const View<float> u(low.data(), T, r), v(low.data() + T * r, T, r);
  MatMul(x, a.down, u);
  Scale(scale, u);
  WeightGradient(dy, u, unit_begin, compute_, {gradient + a.b, a.rows, r});
  MatMul(dy, a.up_transposed, v);
  Scale(scale, v);
  WeightGradient(v, x, unit_begin, compute_, {gradient + a.a, r, a.cols});
}

}  // namespace rlvr
