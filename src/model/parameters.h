// The weights of a model as one flat fp32 array with named parts, in Hugging Face's names and
// shapes. Gradients and AdamW moments are arrays of the same layout.
#ifndef RLVR_MODEL_PARAMETERS_H_
#define RLVR_MODEL_PARAMETERS_H_
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/config.h"
#include "tensor/view.h"

namespace rlvr {

struct Parameter {
  std::string name;            // "model.layers.0.self_attn.q_proj.weight"
  std::vector<int64_t> shape;  // [N, K] or [N]
  int64_t offset = 0;          // first element in the flat array (multiple of 16)
  bool decay = false;          // weight decay applies to matrices, not to norms
  int64_t size() const;
};

// Offsets of every parameter of a layer, for direct use by the model; -1: this family has none.
struct LayerLayout {
  int64_t input_norm, q_proj, k_proj, v_proj, o_proj, post_norm, gate_proj, up_proj, down_proj;
  int64_t q_norm = -1, k_norm = -1;
  int64_t q_bias = -1, k_bias = -1, v_bias = -1, o_bias = -1;
};

struct ParameterLayout {
  explicit ParameterLayout(const ModelConfig& config);
  std::vector<Parameter> parameters;  // in storage order
  std::vector<LayerLayout> layers;
  int64_t embed = 0, final_norm = 0,
          lm_head = 0;                  // lm_head == embed when tied, or with a value_head
  int64_t score = -1, score_bias = -1;  // [1, D] and [1] of a value_head
  int64_t total = 0;                    // elements, padding included (padding is always 0)
};

// Normal(0, initializer_range) matrices (o_proj and down_proj divided by sqrt(2 L)), norms 1, value
// head 0; a function of the key alone.
void InitializeParameters(const ModelConfig& config, const ParameterLayout& layout, RandomKey key,
                          float* data);

}  // namespace rlvr
#endif  // RLVR_MODEL_PARAMETERS_H_
