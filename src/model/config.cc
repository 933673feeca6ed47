#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rlvr {

AttentionShape ModelConfig::attention(int64_t layer) const {
  const bool slides = sliding_layers.empty() || sliding_layers[static_cast<size_t>(layer)];
  return {.num_heads = num_attention_heads,
          .num_kv_heads = num_key_value_heads,
          .head_dim = head_dim,
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim))),
          .window = slides ? sliding_window : 0};
}

int64_t ModelConfig::context_length() const {
  if (rope_scaling.rope_type != "yarn") return max_position_embeddings;
  return std::max(
      max_position_embeddings,
      static_cast<int64_t>(rope_scaling.factor *
                           static_cast<double>(rope_scaling.original_max_position_embeddings)));
}

int64_t ModelConfig::NumParameters() const {
  const int64_t D = hidden_size, E = head_dim, H = num_attention_heads, K = num_key_value_heads;
  int64_t layer = D * E * (2 * H + 2 * K) + 3 * D * intermediate_size + 2 * D;
  if (qk_norm) layer += 2 * E;
  if (qkv_bias) layer += (H + 2 * K) * E;
  if (o_bias) layer += D;
  const int64_t body = vocab_size * D + num_hidden_layers * layer + D;
  if (value_head) return body + D + 1;
  return body + (tie_word_embeddings ? 0 : vocab_size * D);
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
  if (num_attention_heads / num_key_value_heads > kMaxQueriesPerKey) {
    throw Error(place,
                "more than " + std::to_string(kMaxQueriesPerKey) +
                    " query heads per key-value head are not supported",
                "");
  }
  if (head_dim % 2 != 0) throw Error(place, "'head_dim' must be even", "");
  if (!(rope_theta > 0) || !(rms_norm_eps >= 0))
    throw Error(place, "'rope_theta' or 'rms_norm_eps' is out of range", "");
  if (sliding_window < 0) throw Error(place, "'sliding_window' is below 0", "");
  if (!sliding_layers.empty() && sliding_layers.size() != static_cast<size_t>(num_hidden_layers))
    throw Error(place, "'layer_types' has not one entry for each of num_hidden_layers", "");
  const RopeScaling& s = rope_scaling;
  const bool needs_original = s.rope_type == "llama3" || s.rope_type == "yarn";
  if (!(s.factor >= 1) || !(s.factor <= 1e6) ||
      (needs_original && (s.original_max_position_embeddings < 1 ||
                          s.original_max_position_embeddings > INT32_MAX)) ||
      (s.rope_type == "llama3" &&
       !(s.low_freq_factor > 0 && s.high_freq_factor > s.low_freq_factor)) ||
      (s.rope_type == "yarn" && !(s.beta_slow > 0 && s.beta_fast > s.beta_slow)))
    throw Error(place, "a number of 'rope_scaling' is out of range",
                "factor >= 1, original_max_position_embeddings >= 1, low < high, slow < fast");
  positive(context_length(), "rope_scaling");
  for (const int32_t id : eos_token_ids) {
    if (id < 0 || id >= vocab_size)
      throw Error(place, "'eos_token_id' is outside the vocabulary", "");
  }
}

}  // namespace rlvr
