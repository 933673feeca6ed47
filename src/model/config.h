// What a Hugging Face config.json says about a decoder-only transformer: the families Llama,
// Mistral, Qwen2 and Qwen3, which differ in biases, QK-norm, windows and RoPE scaling.
#ifndef RLVR_MODEL_CONFIG_H_
#define RLVR_MODEL_CONFIG_H_
#include <cstdint>
#include <string>
#include <vector>

#include "model/rope_scaling.h"
#include "tensor/attention.h"

namespace rlvr {

struct ModelConfig {
  std::string model_type = "qwen3";  // llama, mistral, qwen2, qwen3
  int64_t vocab_size = 0;            // V
  int64_t hidden_size = 0;           // D
  int64_t num_hidden_layers = 0;     // L
  int64_t num_attention_heads = 0;   // H
  int64_t num_key_value_heads = 0;   // K
  int64_t head_dim = 0;              // E
  int64_t intermediate_size = 0;     // F
  int64_t max_position_embeddings = 0;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  double rms_norm_eps = 1e-6;
  double initializer_range = 0.02;
  bool qk_norm = true;               // Qwen3: RMSNorm of every head's query and key
  bool qkv_bias = false;             // Qwen2, or attention_bias
  bool o_bias = false;               // attention_bias
  int64_t sliding_window = 0;        // keys that a token sees, itself included; 0: all
  std::vector<bool> sliding_layers;  // [L] which layers have the window; empty: all
  bool tie_word_embeddings = true;
  bool value_head = false;  // a critic (Qwen3ForTokenClassification, one label): no lm_head
  std::vector<int32_t> eos_token_ids;
  int32_t bos_token_id = -1, pad_token_id = -1;
  // What was read, so that saving keeps what is not known here; empty for a new model.
  std::string config_json, generation_json;

  AttentionShape attention(int64_t layer) const;
  // Tokens that a sequence may have: max_position_embeddings, or what YaRN stretches it to.
  int64_t context_length() const;
  int64_t NumParameters() const;
  // Reads the text of a config.json; `place` names the file in errors. Unsupported architectures
  // and fields (dynamic RoPE scaling, MLP biases, quantization) throw Error naming the field.
  static ModelConfig FromJson(const std::string& text, const std::string& place);
  // A generation_config.json's end-of-sequence tokens come before config.json's, as in generate().
  void ReadGenerationConfig(const std::string& text, const std::string& place);
  std::string ToJson() const;  // what transformers opens as this family's ...ForCausalLM
  std::string GenerationConfigJson() const;
  void Validate(const std::string& place) const;
};

}  // namespace rlvr
#endif  // RLVR_MODEL_CONFIG_H_
