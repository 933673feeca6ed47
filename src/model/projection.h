// The seven matrices of a layer, as the things that take adapters and gradients.
#ifndef RLVR_MODEL_PROJECTION_H_
#define RLVR_MODEL_PROJECTION_H_
#include <array>
#include <cstdint>

#include "model/config.h"
#include "model/parameters.h"

namespace rlvr {

enum class Projection : uint8_t { kQ, kK, kV, kO, kGate, kUp, kDown };
inline constexpr std::array kProjections = {Projection::kQ,   Projection::kK,    Projection::kV,
                                            Projection::kO,   Projection::kGate, Projection::kUp,
                                            Projection::kDown};
// Hugging Face's names within a layer, and without their block.
inline constexpr std::array kProjectionNames = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
inline constexpr std::array kModuleNames = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                            "gate_proj", "up_proj", "down_proj"};

struct ProjectionWeight {
  int64_t offset = 0, rows = 0, cols = 0;  // y = x W^T, W [rows, cols]
};
inline ProjectionWeight WeightOf(const ModelConfig& c, const LayerLayout& w, Projection p) {
  const int64_t D = c.hidden_size, F = c.intermediate_size;
  const int64_t HE = c.num_attention_heads * c.head_dim, KE = c.num_key_value_heads * c.head_dim;
  switch (p) {
    case Projection::kQ:
      return {w.q_proj, HE, D};
    case Projection::kK:
      return {w.k_proj, KE, D};
    case Projection::kV:
      return {w.v_proj, KE, D};
    case Projection::kO:
      return {w.o_proj, D, HE};
    case Projection::kGate:
      return {w.gate_proj, F, D};
    case Projection::kUp:
      return {w.up_proj, F, D};
    case Projection::kDown:
      return {w.down_proj, D, F};
  }
  return {};
}

}  // namespace rlvr
#endif  // RLVR_MODEL_PROJECTION_H_
