#include "eval/policy.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"
#include "model/hf_folder.h"
#include "model/peft_folder.h"
#include "text/chat_template.h"

namespace rlvr {
namespace {

std::vector<std::string> ModelRoots() {
  std::vector<std::string> roots;
  if (const char* root = std::getenv("RLVR_MODELS")) roots.emplace_back(root);
  roots.emplace_back("models");
  roots.emplace_back(RLVR_SOURCE_DIR "/models");
  return roots;
}

std::string BaseOf(const std::string& folder, const AdapterConfig& adapter) {
  try {
    return FindModelFolder(adapter.base_model);
  } catch (const Error&) {
    throw Error(folder + "/adapter_config.json",
                "its base_model_name_or_path '" + adapter.base_model + "' is no folder here",
                "write the folder that holds the base model there");
  }
}

}  // namespace

std::string FindModelFolder(const std::string& name_or_path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_directory(name_or_path, ignored)) return name_or_path;
  std::vector<std::string> known;
  for (const auto& root : ModelRoots()) {
    if (!fs::is_directory(root, ignored)) continue;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
      if (!fs::exists(entry.path() / "config.json", ignored)) continue;
      if (entry.path().filename() == name_or_path) return entry.path().string();
      known.push_back(entry.path().filename().string());
    }
  }
  throw Error(name_or_path, "no such model folder",
              "give a folder with config.json and model.safetensors, or an embedded model; " +
                  DidYouMean(name_or_path, known));
}

Policy LoadPolicy(const std::string& name_or_path, ComputeType compute, bool for_training,
                  const std::string& kwargs) {
  Policy policy;
  policy.folder = FindModelFolder(name_or_path);
  std::string weights = policy.folder;
  AdapterConfig adapter;
  const bool adapted = IsAdapterFolder(policy.folder);
  if (adapted) {
    adapter = LoadAdapterConfig(policy.folder);
    weights = BaseOf(policy.folder, adapter);
  }
  policy.model = std::make_unique<Model>(LoadConfig(weights), compute);
  LoadWeights(weights, policy.model.get());
  if (adapted) {
    policy.model->AddAdapters(adapter.lora);
    LoadAdapter(policy.folder, policy.model.get());
    policy.model->MergeAdapters();
  }
  policy.model->WeightsChanged(for_training);
  // An adapter's folder may leave the tokenizer to its base.
  if (adapted && !std::filesystem::exists(policy.folder + "/tokenizer.json"))
    policy.folder = weights;
  policy.tokenizer =
      std::make_unique<Tokenizer>(Tokenizer::Load(policy.folder + "/tokenizer.json"));
  auto chat = ChatTemplate::Load(policy.folder);
  if (!kwargs.empty()) {
    if (chat == nullptr)
      throw Error(policy.folder, "has no chat template, which could read variables",
                  "leave chat_template_kwargs out");
    chat = chat->With(kwargs);
  }
  policy.tokenizer->set_chat_template(std::move(chat));
  const int64_t rows = policy.model->config().vocab_size;
  if (policy.tokenizer->vocab_size() > rows) {
    throw Error(policy.folder + "/tokenizer.json",
                "has " + std::to_string(policy.tokenizer->vocab_size()) +
                    " tokens, the model's vocab_size is " + std::to_string(rows),
                "use the tokenizer that belongs to this model");
  }
  return policy;
}

}  // namespace rlvr
