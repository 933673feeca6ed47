#include "train/trained_policy.h"

#include <nlohmann/json.hpp>

namespace rlvr {

namespace {

// Numbers, true, false and null are what they are, everything else is a text. True and False are
// YAML's, too.
std::string AsJson(const std::map<std::string, std::string>& values) {
  if (values.empty()) return "";
  auto object = nlohmann::ordered_json::object();
  for (const auto& [name, text] : values) {
    const std::string plain = text == "True" ? "true" : text == "False" ? "false" : text;
    auto value = nlohmann::ordered_json::parse(plain, nullptr, /*allow_exceptions=*/false);
    object[name] = value.is_boolean() || value.is_number() || value.is_null()
                       ? value
                       : nlohmann::ordered_json(text);
  }
  return object.dump();
}

}  // namespace

Policy LoadTrained(const Recipe& recipe, const std::string& folder) {
  const ComputeType compute = ParseComputeType(recipe.compute);
  const bool quantized = recipe.kind == "rl" && recipe.rollout.quantization != "none";
  const bool more = recipe.lora.on() || quantized;  // then it is packed for training with that
  Policy policy =
      LoadPolicy(folder, compute, /*for_training=*/!more, AsJson(recipe.data.chat_template_kwargs));
  if (recipe.lora.on()) {
    policy.model->AddAdapters(recipe.lora);
    policy.model->lora()->Initialize(StreamKey(recipe.seed, Stream::kInit));
  }
  if (quantized) policy.model->QuantizeSampler();
  if (more) policy.model->WeightsChanged(/*for_training=*/true);
  return policy;
}

}  // namespace rlvr
