// Adapters in PEFT's files: adapter_config.json and adapter_model.safetensors.
// https://huggingface.co/docs/peft
#ifndef RLVR_MODEL_PEFT_FOLDER_H_
#define RLVR_MODEL_PEFT_FOLDER_H_
#include <string>

#include "model/model.h"
#include "model/safetensors.h"

namespace rlvr {

struct AdapterConfig {
  LoraSettings lora;
  std::string base_model;  // base_model_name_or_path
};

bool IsAdapterFolder(const std::string& folder);  // has an adapter_config.json
// DoRA, biases, trained embeddings, ranks by pattern and what is no LoRA throw Error naming the key.
AdapterConfig LoadAdapterConfig(const std::string& folder);
// Into model.lora(), which has the file's rank and modules; else Error.
void LoadAdapter(const std::string& folder, Model* model);
// Of a model with adapters; dtype kF32 or kBf16.
void SaveAdapter(const std::string& folder, const Model& model, const std::string& base_model,
                 DType dtype);

}  // namespace rlvr
#endif  // RLVR_MODEL_PEFT_FOLDER_H_
