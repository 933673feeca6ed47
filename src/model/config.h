// What a Hugging Face config.json says about a decoder-only transformer (Qwen3 layout).
#ifndef RLVR_MODEL_CONFIG_H_
#define RLVR_MODEL_CONFIG_H_
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/attention.h"

namespace rlvr {

struct ModelConfig {
  std::string model_type = "qwen3";
  int64_t vocab_size = 0;           // V
  int64_t hidden_size = 0;          // D
  int64_t num_hidden_layers = 0;    // L
  int64_t num_attention_heads = 0;  // H
  int64_t num_key_value_heads = 0;  // K
  int64_t head_dim = 0;             // E
  int64_t intermediate_size = 0;    // F
  int64_t max_position_embeddings = 0;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-6;
  double initializer_range = 0.02;
  bool tie_word_embeddings = true;
  bool value_head = false;  // a critic (Qwen3ForTokenClassification, one label): no lm_head
  std::vector<int32_t> eos_token_ids;
  int32_t bos_token_id = -1, pad_token_id = -1;

  AttentionShape attention() const;
  int64_t NumParameters() const;
  // Reads the text of a config.json; `place` names the file in errors. Unsupported architectures
  // and fields (sliding windows, rope scaling, attention biases) throw Error naming the field.
  static ModelConfig FromJson(const std::string& text, const std::string& place);
  std::string ToJson() const;  // what transformers opens as Qwen3ForCausalLM
  void Validate(const std::string& place) const;
};

}  // namespace rlvr
#endif  // RLVR_MODEL_CONFIG_H_
