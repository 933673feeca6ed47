// A Hugging Face model folder: config.json, generation_config.json, model.safetensors or its shards.
// (The tokenizer's files beside them belong to text/.)
#ifndef RLVR_MODEL_HF_FOLDER_H_
#define RLVR_MODEL_HF_FOLDER_H_
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/safetensors.h"

namespace rlvr {

// config.json, and generation_config.json where there is one.
ModelConfig LoadConfig(const std::string& folder);

// The files that hold a model's weights, opened and checked against its architecture: missing, extra
// or mis-shaped tensors throw Error naming them. A single file, or shards by
// model.safetensors.index.json. Reads headers only.
struct WeightFiles {
  std::map<std::string, std::unique_ptr<SafetensorsFile>> files;  // by path
  std::vector<const SafetensorsFile*> of;  // of every parameter; null: zero, a new critic's score
};
WeightFiles OpenWeights(const std::string& folder, const ModelConfig& config);
// Fills model.weights() from OpenWeights.
void LoadWeights(const std::string& folder, Model* model);

inline constexpr int64_t kShardBytes = 5'000'000'000;  // as transformers splits by default
// Writes config.json, generation_config.json and the weights, adapters merged into them: model.safetensors, or where they are
// more than max_shard_bytes model-00001-of-0000N.safetensors and an index. dtype: kBf16 (rounded)
// or kF32.
void SaveModel(const std::string& folder, const Model& model, DType dtype,
               int64_t max_shard_bytes = kShardBytes);

}  // namespace rlvr
#endif  // RLVR_MODEL_HF_FOLDER_H_
