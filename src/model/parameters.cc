#include "model/parameters.h"

#include <cmath>

namespace rlvr {

int64_t Parameter::size() const {
  int64_t n = 1;
  for (const int64_t d : shape) n *= d;
  return n;
}

ParameterLayout::ParameterLayout(const ModelConfig& c) {
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    Parameter p{name, std::move(shape), total, false};
    p.decay = p.shape.size() > 1;
    total += (p.size() + 15) / 16 * 16;
    parameters.push_back(p);
    return p.offset;
  };
  const int64_t D = c.hidden_size, E = c.head_dim, F = c.intermediate_size;
  const int64_t HE = c.num_attention_heads * E, KE = c.num_key_value_heads * E;
  embed = add("model.embed_tokens.weight", {c.vocab_size, D});
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    LayerLayout layer{};
    layer.input_norm = add(p + "input_layernorm.weight", {D});
    layer.q_proj = add(p + "self_attn.q_proj.weight", {HE, D});
    layer.k_proj = add(p + "self_attn.k_proj.weight", {KE, D});
    layer.v_proj = add(p + "self_attn.v_proj.weight", {KE, D});
    if (c.qkv_bias) {
      layer.q_bias = add(p + "self_attn.q_proj.bias", {HE});
      layer.k_bias = add(p + "self_attn.k_proj.bias", {KE});
      layer.v_bias = add(p + "self_attn.v_proj.bias", {KE});
    }
    if (c.qk_norm) {
      layer.q_norm = add(p + "self_attn.q_norm.weight", {E});
      layer.k_norm = add(p + "self_attn.k_norm.weight", {E});
    }
    layer.o_proj = add(p + "self_attn.o_proj.weight", {D, HE});
    if (c.o_bias) layer.o_bias = add(p + "self_attn.o_proj.bias", {D});
    layer.post_norm = add(p + "post_attention_layernorm.weight", {D});
    layer.gate_proj = add(p + "mlp.gate_proj.weight", {F, D});
    layer.up_proj = add(p + "mlp.up_proj.weight", {F, D});
    layer.down_proj = add(p + "mlp.down_proj.weight", {D, F});
    layers.push_back(layer);
  }
  final_norm = add("model.norm.weight", {D});
  const bool shared = c.tie_word_embeddings || c.value_head;
  lm_head = shared ? embed : add("lm_head.weight", {c.vocab_size, D});
  if (c.value_head) {
    score = add("score.weight", {1, D});
    score_bias = add("score.bias", {1});
  }
}

void InitializeParameters(const ModelConfig& config, const ParameterLayout& layout, RandomKey key,
                          float* data) {
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers));
  for (size_t i = 0; i < layout.parameters.size(); ++i) {
    const Parameter& p = layout.parameters[i];
    Random random(key[i]);
    const bool writes_residual =
        p.name.ends_with("o_proj.weight") || p.name.ends_with("down_proj.weight");
    const double scale = config.initializer_range * (writes_residual ? residual : 1.0);
    if (p.name.starts_with("score.") || p.name.ends_with(".bias")) continue;  // data is 0
    for (int64_t j = 0; j < p.size(); ++j) {
      data[p.offset + j] = p.decay ? static_cast<float>(scale * random.Normal()) : 1.0f;
    }
  }
}

}  // namespace rlvr
