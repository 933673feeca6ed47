#include "train/trained_policy.h"

namespace rlvr {

Policy LoadTrained(const Recipe& recipe, const std::string& folder) {
  const ComputeType compute = ParseComputeType(recipe.compute);
  // Packed for training once, with the adapters.
  Policy policy = LoadPolicy(folder, compute, /*for_training=*/!recipe.lora.on());
  if (!recipe.lora.on()) return policy;
  policy.model->AddAdapters(recipe.lora);
  policy.model->lora()->Initialize(StreamKey(recipe.seed, Stream::kInit));
  policy.model->WeightsChanged(/*for_training=*/true);
  return policy;
}

}  // namespace rlvr
