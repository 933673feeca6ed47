#include "model/hf_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

std::string ShapeText(const std::vector<int64_t>& shape) { return Json(shape).dump(); }

// Tensor name -> file, from the index or the single file.
std::map<std::string, std::string> FilesOfTensors(const std::string& folder) {
  const std::string single = folder + "/model.safetensors", index = single + ".index.json";
  std::map<std::string, std::string> files;
  if (std::filesystem::exists(single) || !std::filesystem::exists(index)) {
    if (!std::filesystem::exists(single) && std::filesystem::exists(folder + "/pytorch_model.bin"))
      throw Error(folder, "has its weights in pytorch_model.bin, which is not supported",
                  "load and save it with transformers: that writes model.safetensors");
    const SafetensorsFile file(single);
    for (const auto& [name, info] : file.tensors()) files[name] = single;
    return files;
  }
  try {
    const Json map = Json::parse(ReadFile(index)).at("weight_map");
    for (const auto& [name, file] : map.items())
      files[name] = folder + "/" + file.get<std::string>();
  } catch (const Json::exception& e) {
    throw Error(index, std::string("is damaged: ") + e.what(), "download the model again");
  }
  return files;
}

void WriteShard(const std::string& path, const Model& model, DType dtype,
                const std::vector<const Parameter*>& parameters) {
  std::vector<std::string> rounded;
  std::vector<TensorToWrite> tensors;
  std::vector<AlignedBuffer<float>> merged(parameters.size());
  rounded.reserve(parameters.size());
  for (size_t n = 0; n < parameters.size(); ++n) {
    const Parameter* p = parameters[n];
    const float* data = model.Merged(*p, &merged[n]);
    if (dtype == DType::kF32) {
      tensors.push_back(
          {p->name,
           dtype,
           p->shape,
           {reinterpret_cast<const char*>(data), static_cast<size_t>(p->size()) * 4}});
      continue;
    }
    std::string bytes(static_cast<size_t>(p->size()) * 2, '\0');
    auto* out = reinterpret_cast<Bf16*>(bytes.data());
    for (int64_t i = 0; i < p->size(); ++i) out[i] = ToBf16(data[i]);
    merged[n] = {};
    rounded.push_back(std::move(bytes));
    tensors.push_back({p->name, dtype, p->shape, rounded.back()});
  }
  WriteSafetensors(path, tensors, {{"format", "pt"}});
}

}  // namespace

ModelConfig LoadConfig(const std::string& folder) {
  const std::string path = folder + "/config.json", generation = folder + "/generation_config.json";
  ModelConfig config = ModelConfig::FromJson(ReadFile(path), path);
  if (std::filesystem::exists(generation))
    config.ReadGenerationConfig(ReadFile(generation), generation);
  return config;
}

WeightFiles OpenWeights(const std::string& folder, const ModelConfig& config) {
  const auto names = FilesOfTensors(folder);
  WeightFiles opened;
  std::set<std::string> wanted;
  for (const Parameter& p : ParameterLayout(config).parameters) {
    wanted.insert(p.name);
    const auto it = names.find(p.name);
    if (it == names.end() && p.name.starts_with("score.")) {  // a policy's folder becomes a critic
      opened.of.push_back(nullptr);
      continue;
    }
    if (it == names.end()) {
      throw Error(folder, "has no tensor '" + p.name + "'",
                  "do config.json and the weights belong together?");
    }
    auto& file = opened.files[it->second];
    if (!file) file = std::make_unique<SafetensorsFile>(it->second);
    if (!file->tensors().contains(p.name))
      throw Error(it->second, "has no tensor '" + p.name + "', as its index says",
                  "download the model again");
    const TensorInfo& info = file->tensors().at(p.name);
    if (info.shape != p.shape) {
      throw Error(it->second,
                  "tensor '" + p.name + "' has shape " + ShapeText(info.shape) +
                      ", config.json says " + ShapeText(p.shape),
                  "do config.json and the weights belong together?");
    }
    opened.of.push_back(file.get());
  }
  for (const auto& [name, file] : names) {
    if (wanted.contains(name)) continue;
    if (name == "lm_head.weight" && (config.tie_word_embeddings || config.value_head))
      continue;  // a copy of the embedding, or of no use to a critic
    if (name.ends_with(".rotary_emb.inv_freq")) continue;  // old Llama files; config.json says it
    throw Error(file, "tensor '" + name + "' has no place in this architecture",
                "is config.json the right one?");
  }
  return opened;
}

void LoadWeights(const std::string& folder, Model* model) {
  const WeightFiles opened = OpenWeights(folder, model->config());
  for (size_t i = 0; i < opened.of.size(); ++i) {
    const Parameter& p = model->layout().parameters[i];
    if (opened.of[i] == nullptr) {
      std::fill_n(model->weights() + p.offset, p.size(), 0.0f);
    } else {
      opened.of[i]->ReadFloats(p.name, model->weights() + p.offset);
    }
  }
}

void SaveModel(const std::string& folder, const Model& model, DType dtype,
               int64_t max_shard_bytes) {
  RLVR_CHECK(dtype == DType::kF32 || dtype == DType::kBf16);
  MakeDirectories(folder);
  Json config = Json::parse(model.config().ToJson());
  // Newer files say dtype.
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] =
      dtype == DType::kF32 ? "float32" : "bfloat16";
  WriteFileAtomically(folder + "/config.json", config.dump(2) + "\n");
  WriteFileAtomically(folder + "/generation_config.json", model.config().GenerationConfigJson());

  std::vector<std::vector<const Parameter*>> shards(1);
  int64_t total = 0, in_shard = 0;
  for (const Parameter& p : model.layout().parameters) {
    const int64_t bytes = p.size() * SizeOf(dtype);
    if (in_shard > 0 && in_shard + bytes > max_shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back(&p);
    in_shard += bytes;
    total += bytes;
  }
  const std::string single = folder + "/model.safetensors", index = single + ".index.json";
  if (shards.size() == 1) {
    WriteShard(single, model, dtype, shards[0]);
    std::filesystem::remove(index);  // of what was here before
    return;
  }
  Json map = {{"metadata", {{"total_size", total}}}, {"weight_map", Json::object()}};
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    WriteShard(folder + "/" + name, model, dtype, shards[i]);
    for (const Parameter* p : shards[i]) map["weight_map"][p->name] = name;
  }
  WriteFileAtomically(index, map.dump(2) + "\n");
  std::filesystem::remove(single);
}

}  // namespace rlvr
