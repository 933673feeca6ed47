#include "train/reference.h"

#include <algorithm>

#include "base/error.h"
#include "base/thread_pool.h"
#include "eval/policy.h"

namespace rlvr {

Reference::Reference(const std::string& folder, const ReferenceSettings& settings,
                     const Model& policy, const ActivationBound& bound)
    : settings_(settings),
      model_(LoadPolicy(folder, policy.compute(), /*for_training=*/false).model),
      passes_(model_.get(), bound) {
  if (model_->config().vocab_size != policy.config().vocab_size) {
    throw Error(folder, "the reference's vocabulary is not the policy's",
                "choose a reference.model with the same tokenizer");
  }
  const auto& own = model_->layout().parameters;
  const auto& other = policy.layout().parameters;
  const bool same = std::equal(own.begin(), own.end(), other.begin(), other.end(),
                               [](const Parameter& a, const Parameter& b) {
                                 return a.name == b.name && a.shape == b.shape;
                               });
  if (moves() && !same) {
    throw Error(folder, "the reference's architecture is not the policy's: it cannot follow it",
                "leave reference.update out, or choose another reference.model");
  }
}

std::vector<double> Reference::Logp(std::span<const Tree* const> trees, float temperature,
                                    int64_t micro_batch_tokens, Communicator* ranks) {
  constexpr Statistic kWanted[] = {Statistic::kLogp};
  return LeafRows(trees,
                  ScoreTrees(&passes_, trees, kWanted, temperature, micro_batch_tokens, ranks)[0]);
}

void Reference::AfterStep(int64_t step, const Model& policy, Optimizer* optimizer) {
  if (!moves() || step % settings_.every != 0) return;
  float* ref = model_->weights();
  const float* theta = policy.weights();
  const auto decay = settings_.update == "ema" ? static_cast<float>(settings_.decay) : 0.0f;
  const auto taken = settings_.update == "ema" ? static_cast<float>(1 - settings_.decay) : 1.0f;
  ParallelFor(policy.layout().total, 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ref[i] = decay * ref[i] + taken * theta[i];
  });
  model_->WeightsChanged(/*for_training=*/false);
  if (settings_.reset_optimizer) ResetMoments(optimizer);
}

}  // namespace rlvr
