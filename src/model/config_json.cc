// ModelConfig from and to the files of a Hugging Face folder.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/config.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

const std::map<std::string, std::string>& ClassPrefixes() {  // by model_type
  static const std::map<std::string, std::string> prefixes = {
      {"llama", "Llama"}, {"mistral", "Mistral"}, {"qwen2", "Qwen2"}, {"qwen3", "Qwen3"}};
  return prefixes;
}

int64_t RequireInt(const Json& j, const char* key, const std::string& place) {
  if (!j.contains(key))
    throw Error(place, std::string("has no '") + key + "'", "is this a model's config.json?");
  if (!j[key].is_number_integer()) {
    throw Error(place, std::string("'") + key + "' is " + j[key].dump() + ", an integer is needed",
                "");
  }
  return j[key].get<int64_t>();
}

[[noreturn]] void Refuse(const std::string& place, const std::string& field, const Json& value) {
  throw Error(place, "'" + field + "' is " + value.dump() + ", which is not supported",
              "supported: models of the types llama, mistral, qwen2 and qwen3, not quantized; "
              "docs/models.md has the list");
}

std::vector<int32_t> TokenIds(const Json& j, const char* key) {
  if (!j.contains(key)) return {};
  if (j[key].is_array()) return j[key].get<std::vector<int32_t>>();
  return {j[key].get<int32_t>()};
}

Json ParseObject(const std::string& text, const std::string& place) {
  Json j;
  try {
    j = Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw Error(place, std::string("is not JSON: ") + e.what(),
                "download or export the model again");
  }
  if (!j.is_object()) throw Error(place, "is not a JSON object", "is this a model's config.json?");
  return j;
}

Json WithoutNulls(const Json& j) {  // null is the same as absent
  Json given = Json::object();
  for (const auto& [key, value] : j.items()) {
    if (!value.is_null()) given[key] = value;
  }
  return given;
}

// A critic: one label for every token.
bool IsValueModel(const Json& j, const std::string& prefix) {
  return j.value("architectures", Json()) == Json({prefix + "ForTokenClassification"}) &&
         j.value("num_labels", j.value("id2label", Json::object()).size()) == 1;
}

void RefuseUnsupported(const Json& j, const std::string& prefix, const std::string& place) {
  if (j.contains("architectures") && j["architectures"] != Json({prefix + "ForCausalLM"}) &&
      !IsValueModel(j, prefix))
    Refuse(place, "architectures", j["architectures"]);
  if (j.contains("quantization_config"))
    Refuse(place, "quantization_config", j["quantization_config"]);
  if (j.value("mlp_bias", false)) Refuse(place, "mlp_bias", j["mlp_bias"]);
  if (j.value("partial_rotary_factor", 1.0) != 1.0)
    Refuse(place, "partial_rotary_factor", j["partial_rotary_factor"]);
  if (j.contains("hidden_act") && j["hidden_act"] != "silu")
    Refuse(place, "hidden_act", j["hidden_act"]);
}

// rope_theta and rope_scaling, or rope_parameters, which holds both in newer files.
void ReadRope(const Json& j, const std::string& place, ModelConfig* c) {
  const std::string field = j.contains("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json given = WithoutNulls(j.value(field, Json::object()));
  c->rope_theta = given.value("rope_theta", j.value("rope_theta", c->rope_theta));
  RopeScaling& s = c->rope_scaling;
  s.rope_type = given.value("rope_type", given.value("type", "default"));
  if (s.rope_type == "default") return;
  if (s.rope_type != "linear" && s.rope_type != "llama3" && s.rope_type != "yarn")
    Refuse(place, field, given);
  if (given.value("partial_rotary_factor", 1.0) != 1.0) Refuse(place, field, given);
  const auto required = [&](const char* key) {
    if (!given.contains(key))
      throw Error(place, "'" + field + "' has no '" + std::string(key) + "'",
                  "rope_type " + s.rope_type + " needs it");
    return given[key].get<double>();
  };
  s.factor = required("factor");
  if (s.rope_type == "llama3") {
    s.low_freq_factor = required("low_freq_factor");
    s.high_freq_factor = required("high_freq_factor");
  }
  s.original_max_position_embeddings =
      given.value("original_max_position_embeddings",
                  j.value("original_max_position_embeddings", c->max_position_embeddings));
  s.beta_fast = given.value("beta_fast", s.beta_fast);
  s.beta_slow = given.value("beta_slow", s.beta_slow);
  s.mscale = given.value("mscale", s.mscale);
  s.mscale_all_dim = given.value("mscale_all_dim", s.mscale_all_dim);
  s.attention_factor = given.value("attention_factor", s.attention_factor);
  s.truncate = given.value("truncate", s.truncate);
}

// Mistral's window is of all layers; Qwen's is off without use_sliding_window and then of the layers
// from max_window_layers on, unless layer_types says which.
void ReadWindow(const Json& j, const std::string& place, ModelConfig* c) {
  const bool qwen = c->model_type == "qwen2" || c->model_type == "qwen3";
  if (c->model_type == "mistral" || (qwen && j.value("use_sliding_window", false)))
    c->sliding_window = j.value("sliding_window", int64_t{0});
  for (const Json& type : j.value("layer_types", Json::array())) {
    const bool slides = type == "sliding_attention";
    if ((!slides && type != "full_attention") || (slides && c->sliding_window == 0))
      Refuse(place, "layer_types", type);
    c->sliding_layers.push_back(slides);
  }
  if (c->sliding_window == 0) c->sliding_layers.clear();
  if (c->sliding_window == 0 || !qwen || !c->sliding_layers.empty()) return;
  const int64_t first = j.value("max_window_layers", int64_t{28});
  for (int64_t l = 0; l < c->num_hidden_layers; ++l) c->sliding_layers.push_back(l >= first);
}

}  // namespace

ModelConfig ModelConfig::FromJson(const std::string& text, const std::string& place) {
  const Json whole = ParseObject(text, place);
  const Json j = WithoutNulls(whole);
  ModelConfig c;
  try {
    c.config_json = whole.dump(2);
    c.model_type = j.value("model_type", std::string());
    const auto prefix = ClassPrefixes().find(c.model_type);
    if (prefix == ClassPrefixes().end()) Refuse(place, "model_type", j.value("model_type", Json()));
    RefuseUnsupported(j, prefix->second, place);
    c.vocab_size = RequireInt(j, "vocab_size", place);
    c.hidden_size = RequireInt(j, "hidden_size", place);
    c.num_hidden_layers = RequireInt(j, "num_hidden_layers", place);
    c.num_attention_heads = RequireInt(j, "num_attention_heads", place);
    const bool one_to_one = c.model_type == "llama" && !j.contains("num_key_value_heads");
    c.num_key_value_heads =
        one_to_one ? c.num_attention_heads : RequireInt(j, "num_key_value_heads", place);
    if (j.contains("head_dim")) {
      c.head_dim = RequireInt(j, "head_dim", place);
    } else if (c.model_type == "qwen3") {
      c.head_dim = 128;  // what transformers' Qwen3Config takes, not hidden_size / heads
    } else if (c.num_attention_heads > 0) {
      c.head_dim = c.hidden_size / c.num_attention_heads;
    }
    c.intermediate_size = RequireInt(j, "intermediate_size", place);
    c.max_position_embeddings = RequireInt(j, "max_position_embeddings", place);
    c.rms_norm_eps = j.value("rms_norm_eps", c.rms_norm_eps);
    c.initializer_range = j.value("initializer_range", c.initializer_range);
    const bool bias = j.value("attention_bias", false);
    if (bias && c.model_type == "mistral") Refuse(place, "attention_bias", true);
    c.qk_norm = c.model_type == "qwen3";
    c.qkv_bias = c.model_type == "qwen2" || bias;
    c.o_bias = c.model_type != "qwen2" && bias;
    ReadRope(j, place, &c);
    ReadWindow(j, place, &c);
    c.value_head = IsValueModel(j, prefix->second);
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

void ModelConfig::ReadGenerationConfig(const std::string& text, const std::string& place) {
  const Json j = ParseObject(text, place);
  try {
    generation_json = j.dump(2);
    const auto eos = TokenIds(WithoutNulls(j), "eos_token_id");
    if (!eos.empty()) eos_token_ids = eos;
  } catch (const Json::exception& e) {
    throw Error(place, e.what(), "eos_token_id is a number or a list of numbers");
  }
  Validate(place);
}

std::string ModelConfig::ToJson() const {
  const std::string prefix = ClassPrefixes().at(model_type);
  const bool made_here = config_json.empty();
  RLVR_CHECK(!made_here || (model_type == "qwen3" && rope_scaling.rope_type == "default" &&
                            sliding_window == 0 && qk_norm && qkv_bias == o_bias))
      << "only Qwen3's plain layout is made here";
  Json j = made_here ? Json::object() : Json::parse(config_json);
  j["architectures"] = {prefix + (value_head ? "ForTokenClassification" : "ForCausalLM")};
  if (value_head) j["id2label"] = {{"0", "LABEL_0"}};
  j["model_type"] = model_type;
  j["vocab_size"] = vocab_size;
  j["hidden_size"] = hidden_size;
  j["intermediate_size"] = intermediate_size;
  j["num_hidden_layers"] = num_hidden_layers;
  j["num_attention_heads"] = num_attention_heads;
  j["num_key_value_heads"] = num_key_value_heads;
  if (made_here || j.contains("head_dim")) j["head_dim"] = head_dim;
  if (!made_here) return j.dump(2) + "\n";
  j["hidden_act"] = "silu";
  j["max_position_embeddings"] = max_position_embeddings;
  j["rope_theta"] = rope_theta;
  j["rope_scaling"] = nullptr;
  j["rms_norm_eps"] = rms_norm_eps;
  j["initializer_range"] = initializer_range;
  j["attention_bias"] = o_bias;
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

std::string ModelConfig::GenerationConfigJson() const {
  if (!generation_json.empty()) return generation_json + "\n";
  Json j;
  j["do_sample"] = true;
  if (eos_token_ids.size() == 1) j["eos_token_id"] = eos_token_ids[0];
  if (eos_token_ids.size() > 1) j["eos_token_id"] = eos_token_ids;
  if (pad_token_id >= 0) j["pad_token_id"] = pad_token_id;
  return j.dump(2) + "\n";
}

}  // namespace rlvr
