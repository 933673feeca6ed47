// A Hugging Face model folder: config.json, generation_config.json, model.safetensors. (The
// tokenizer's files beside them belong to text/.)
#ifndef RLVR_MODEL_HF_FOLDER_H_
#define RLVR_MODEL_HF_FOLDER_H_
#include <string>

#include "model/model.h"
#include "model/safetensors.h"

namespace rlvr {

ModelConfig LoadConfig(const std::string& folder);
// Fills model.weights(). Missing, extra or mis-shaped tensors throw Error naming them. Single file,
// or sharded by model.safetensors.index.json.
void LoadWeights(const std::string& folder, Model* model);
// Writes config.json, generation_config.json, model.safetensors. dtype: kBf16 (rounded) or kF32.
void SaveModel(const std::string& folder, const Model& model, DType dtype);

}  // namespace rlvr
#endif  // RLVR_MODEL_HF_FOLDER_H_
