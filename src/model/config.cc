#include "model/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

int64_t RequireInt(const Json& j, const char* key, const std::string& place) {
  if (!j.contains(key))
    throw Error(place, std::string("has no '") + key + "'", "is this a model's config.json?");
  if (!j[key].is_number_integer()) {
    throw Error(place, std::string("'") + key + "' is " + j[key].dump() + ", an integer is needed",
                "");
  }
  return j[key].get<int64_t>();
}

void Refuse(const std::string& place, const std::string& field, const Json& value) {
  throw Error(
      place, "'" + field + "' is " + value.dump() + ", which is not supported",
      "supported: Qwen3ForCausalLM without RoPE scaling, sliding windows, biases, quantization");
}

std::vector<int32_t> TokenIds(const Json& j, const char* key) {
  if (!j.contains(key)) return {};
  if (j[key].is_array()) return j[key].get<std::vector<int32_t>>();
  return {j[key].get<int32_t>()};
}

// A critic: one label for every token.
bool IsValueModel(const Json& j) {
  return j.value("architectures", Json()) == Json({"Qwen3ForTokenClassification"}) &&
         j.value("num_labels", j.value("id2label", Json::object()).size()) == 1;
}

void RefuseUnsupported(const Json& j, const std::string& place) {
  if (j.value("model_type", std::string()) != "qwen3")
    Refuse(place, "model_type", j.value("model_type", Json()));
  if (j.contains("architectures") && j["architectures"] != Json({"Qwen3ForCausalLM"}) &&
      !IsValueModel(j))
    Refuse(place, "architectures", j["architectures"]);
  for (const char* field : {"rope_scaling", "quantization_config"}) {
    if (j.contains(field)) Refuse(place, field, j[field]);
  }
  for (const char* field : {"use_sliding_window", "attention_bias"}) {
    if (j.value(field, false)) Refuse(place, field, j[field]);
  }
  if (j.contains("hidden_act") && j["hidden_act"] != "silu")
    Refuse(place, "hidden_act", j["hidden_act"]);
  for (const Json& layer : j.value("layer_types", Json::array())) {
    if (layer != "full_attention") Refuse(place, "layer_types", layer);
  }
}

// Newer versions of transformers write rope_parameters: {rope_theta, rope_type}.
double RopeTheta(const Json& j, const std::string& place) {
  const Json parameters = j.value("rope_parameters", Json::object());
  if (parameters.value("rope_type", "default") != "default")
    Refuse(place, "rope_parameters", parameters);
  return parameters.value("rope_theta", j.value("rope_theta", 10000.0));
}

}  // namespace

AttentionShape ModelConfig::attention() const {
  return {num_attention_heads, num_key_value_heads, head_dim,
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))};
}

int64_t ModelConfig::NumParameters() const {
  const int64_t D = hidden_size, E = head_dim, H = num_attention_heads, K = num_key_value_heads;
  const int64_t layer = D * E * (2 * H + 2 * K) + 3 * D * intermediate_size + 2 * D + 2 * E;
  const int64_t body = vocab_size * D + num_hidden_layers * layer + D;
  if (value_head) return body + D + 1;
  return body + (tie_word_embeddings ? 0 : vocab_size * D);
}

ModelConfig ModelConfig::FromJson(const std::string& text, const std::string& place) {
  Json j;
  try {
    j = Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw Error(place, std::string("is not JSON: ") + e.what(),
                "download or export the model again");
  }
  if (!j.is_object()) throw Error(place, "is not a JSON object", "is this a model's config.json?");
  Json given = Json::object();  // null is the same as absent
  for (const auto& [key, value] : j.items()) {
    if (!value.is_null()) given[key] = value;
  }
  j = std::move(given);
  ModelConfig c;
  try {
    RefuseUnsupported(j, place);
    c.vocab_size = RequireInt(j, "vocab_size", place);
    c.hidden_size = RequireInt(j, "hidden_size", place);
    c.num_hidden_layers = RequireInt(j, "num_hidden_layers", place);
    c.num_attention_heads = RequireInt(j, "num_attention_heads", place);
    c.num_key_value_heads = RequireInt(j, "num_key_value_heads", place);
    // transformers' Qwen3Config takes 128 where the file is silent, not hidden_size / heads.
    c.head_dim = j.contains("head_dim") ? RequireInt(j, "head_dim", place) : 128;
    c.intermediate_size = RequireInt(j, "intermediate_size", place);
    c.max_position_embeddings = RequireInt(j, "max_position_embeddings", place);
    c.rope_theta = RopeTheta(j, place);
    c.rms_norm_eps = j.value("rms_norm_eps", c.rms_norm_eps);
    c.initializer_range = j.value("initializer_range", c.initializer_range);
    c.value_head = IsValueModel(j);
    c.tie_word_embeddings = j.value("tie_word_embeddings", false);
    c.eos_token_ids = TokenIds(j, "eos_token_id");
    const auto bos = TokenIds(j, "bos_token_id"), pad = TokenIds(j, "pad_token_id");
    if (!bos.empty()) c.bos_token_id = bos[0];
    if (!pad.empty()) c.pad_token_id = pad[0];
  } catch (const Json::exception& e) {
    throw Error(place, e.what(), "is this a model's config.json?");
  }
  c.Validate(place);
  return c;
}

void ModelConfig::Validate(const std::string& place) const {
  // The upper bound keeps products of two sizes within 64 bits.
  const auto positive = [&](int64_t v, const char* name) {
    if (v < 1 || v > INT32_MAX) {
      throw Error(place, std::string("'") + name + "' is " + std::to_string(v) + ", out of range",
                  "");
    }
  };
  positive(vocab_size, "vocab_size");
  positive(hidden_size, "hidden_size");
  positive(num_hidden_layers, "num_hidden_layers");
  positive(num_attention_heads, "num_attention_heads");
  positive(num_key_value_heads, "num_key_value_heads");
  positive(head_dim, "head_dim");
  positive(intermediate_size, "intermediate_size");
  positive(max_position_embeddings, "max_position_embeddings");
  if (num_attention_heads % num_key_value_heads != 0) {
    throw Error(place, "'num_attention_heads' is no multiple of 'num_key_value_heads'", "");
  }
  if (num_attention_heads / num_key_value_heads > 8) {
    throw Error(place, "more than 8 query heads per key-value head are not supported", "");
  }
  if (head_dim % 2 != 0) throw Error(place, "'head_dim' must be even", "");
  if (!(rope_theta > 0) || !(rms_norm_eps >= 0))
    throw Error(place, "'rope_theta' or 'rms_norm_eps' is out of range", "");
  for (const int32_t id : eos_token_ids) {
    if (id < 0 || id >= vocab_size)
      throw Error(place, "'eos_token_id' is outside the vocabulary", "");
  }
}

std::string ModelConfig::ToJson() const {
  Json j;
  j["architectures"] = {value_head ? "Qwen3ForTokenClassification" : "Qwen3ForCausalLM"};
  if (value_head) j["id2label"] = {{"0", "LABEL_0"}};
  j["model_type"] = model_type;
  j["vocab_size"] = vocab_size;
  j["hidden_size"] = hidden_size;
  j["intermediate_size"] = intermediate_size;
  j["num_hidden_layers"] = num_hidden_layers;
  j["num_attention_heads"] = num_attention_heads;
  j["num_key_value_heads"] = num_key_value_heads;
  j["head_dim"] = head_dim;
  j["hidden_act"] = "silu";
  j["max_position_embeddings"] = max_position_embeddings;
  j["rope_theta"] = rope_theta;
  j["rope_scaling"] = nullptr;
  j["rms_norm_eps"] = rms_norm_eps;
  j["initializer_range"] = initializer_range;
  j["attention_bias"] = false;
  j["attention_dropout"] = 0.0;
  j["use_sliding_window"] = false;
  j["sliding_window"] = nullptr;
  j["tie_word_embeddings"] = tie_word_embeddings;
  j["use_cache"] = true;
  if (eos_token_ids.size() == 1) j["eos_token_id"] = eos_token_ids[0];
  if (eos_token_ids.size() > 1) j["eos_token_id"] = eos_token_ids;
  if (bos_token_id >= 0) j["bos_token_id"] = bos_token_id;
  if (pad_token_id >= 0) j["pad_token_id"] = pad_token_id;
  return j.dump(2) + "\n";
}

}  // namespace rlvr
