#include "model/peft_folder.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPrefix[] = "base_model.model.";  // PEFT's wrapper around the model's own names

std::string ConfigPath(const std::string& folder) { return folder + "/adapter_config.json"; }
std::string WeightsPath(const std::string& folder) { return folder + "/adapter_model.safetensors"; }

void RefuseUnsupported(const Json& j, const std::string& path) {
  const auto refuse = [&](const char* key) {
    throw Error(
        path, std::string("'") + key + "' is " + j.at(key).dump() + ", which is not supported",
        "supported: LoRA of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj in "
        "all layers with one rank");
  };
  const auto given = [&](const char* key) {
    return j.contains(key) && !j[key].is_null() && !j[key].empty() && j[key] != false;
  };
  if (j.value("peft_type", "") != "LORA") refuse("peft_type");
  if (given("bias") && j["bias"] != "none") refuse("bias");
  for (const char* key :
       {"use_dora", "use_qalora", "use_bdlora", "lora_bias", "layer_replication", "modules_to_save",
        "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "fan_in_fan_out",
        "trainable_token_indices", "target_parameters"}) {
    if (given(key)) refuse(key);
  }
  if (!j.contains("target_modules")) return;
  const Json& modules = j["target_modules"];
  if (modules != "all-linear" && !modules.is_array()) refuse("target_modules");
}

}  // namespace

bool IsAdapterFolder(const std::string& folder) {
  return std::filesystem::exists(ConfigPath(folder));
}

AdapterConfig LoadAdapterConfig(const std::string& folder) {
  const std::string path = ConfigPath(folder);
  AdapterConfig config;
  try {
    const Json j = Json::parse(ReadFile(path));
    RefuseUnsupported(j, path);
    config.lora.rank = j.at("r").get<int64_t>();
    config.lora.alpha = j.at("lora_alpha").get<double>();
    config.lora.rslora = j.value("use_rslora", false);
    if (j.at("target_modules").is_array())
      config.lora.target_modules = j["target_modules"].get<std::vector<std::string>>();
    if (j.contains("base_model_name_or_path") && !j["base_model_name_or_path"].is_null())
      config.base_model = j["base_model_name_or_path"].get<std::string>();
  } catch (const Json::exception& e) {
    throw Error(path, e.what(), "is this an adapter that PEFT wrote?");
  }
  if (config.lora.rank < 1 || config.lora.rank > 1 << 16)
    throw Error(path, "'r' is " + std::to_string(config.lora.rank), "a rank is at least 1");
  return config;
}

void LoadAdapter(const std::string& folder, Model* model) {
  RLVR_CHECK(model->lora() != nullptr);
  const std::string path = WeightsPath(folder);
  const SafetensorsFile file(path);
  size_t found = 0;
  for (const Parameter& p : model->lora()->parameters()) {
    const std::string name = kPrefix + p.name;
    const auto it = file.tensors().find(name);
    if (it == file.tensors().end())
      throw Error(path, "has no tensor '" + name + "'",
                  "do adapter_config.json, the weights and the model belong together?");
    if (it->second.shape != p.shape)
      throw Error(path,
                  "tensor '" + name + "' has shape " + Json(it->second.shape).dump() + ", not " +
                      Json(p.shape).dump(),
                  "do adapter_config.json, the weights and the model belong together?");
    file.ReadFloats(name, model->lora()->weights() + p.offset);
    ++found;
  }
  if (found == file.tensors().size()) return;
  for (const auto& [name, info] : file.tensors()) {
    const auto& own = model->lora()->parameters();
    if (std::none_of(own.begin(), own.end(),
                     [&, n = name](const Parameter& p) { return kPrefix + p.name == n; }))
      throw Error(path, "tensor '" + name + "' has no place in this model",
                  "supported: LoRA matrices of the modules in adapter_config.json");
  }
}

void SaveAdapter(const std::string& folder, const Model& model, const std::string& base_model,
                 DType dtype) {
  RLVR_CHECK(model.lora() != nullptr && (dtype == DType::kF32 || dtype == DType::kBf16));
  const Lora& lora = *model.lora();
  MakeDirectories(folder);
  Json j;
  j["peft_type"] = "LORA";
  j["task_type"] = "CAUSAL_LM";
  j["base_model_name_or_path"] = base_model;
  j["r"] = lora.settings().rank;
  j["lora_alpha"] = lora.settings().alpha;
  j["use_rslora"] = lora.settings().rslora;
  j["target_modules"] = lora.settings().target_modules;
  j["lora_dropout"] = 0.0;
  j["bias"] = "none";
  j["fan_in_fan_out"] = false;
  j["inference_mode"] = true;
  j["init_lora_weights"] = true;
  WriteFileAtomically(ConfigPath(folder), j.dump(2) + "\n");
  std::vector<std::string> bytes;
  std::vector<TensorToWrite> tensors;
  bytes.reserve(lora.parameters().size());
  for (const Parameter& p : lora.parameters()) {
    const float* data = lora.weights() + p.offset;
    std::string raw(reinterpret_cast<const char*>(data), static_cast<size_t>(p.size()) * 4);
    if (dtype == DType::kBf16) {
      raw.resize(static_cast<size_t>(p.size()) * 2);
      auto* out = reinterpret_cast<Bf16*>(raw.data());
      for (int64_t i = 0; i < p.size(); ++i) out[i] = ToBf16(data[i]);
    }
    bytes.push_back(std::move(raw));
    tensors.push_back({kPrefix + p.name, dtype, p.shape, bytes.back()});
  }
  WriteSafetensors(WeightsPath(folder), tensors, {{"format", "pt"}});
}

}  // namespace rlvr
