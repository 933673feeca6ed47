// How a model stretches RoPE beyond the context that it was trained with.
#ifndef RLVR_MODEL_ROPE_SCALING_H_
#define RLVR_MODEL_ROPE_SCALING_H_
#include <cstdint>
#include <string>
#include <vector>

namespace rlvr {

// config.json's rope_scaling (rope_parameters in newer files), in its names.
//   linear  frequencies / factor. arXiv:2306.15595
//   llama3  wavelengths above original / low_freq_factor are divided by factor, those below
//           original / high_freq_factor are kept, between them linear in 1 / wavelength. Llama 3.1
//   yarn    "NTK-by-parts" and a temperature of attention: arXiv:2309.00071 section 3.2, 3.4
struct RopeScaling {
  std::string rope_type = "default";  // linear, llama3, yarn
  double factor = 1;
  int64_t original_max_position_embeddings = 0;      // llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn: turns within the original context
  double mscale = 0, mscale_all_dim = 0;             // yarn: 0 where the file is silent
  double attention_factor = 0;                       // yarn: 0: of factor and mscale
  bool truncate = true;                              // yarn: whole dimensions bound the ramp
};

struct RopeParameters {
  std::vector<double> frequencies;  // [E/2], radians per position
  double factor = 1;                // of cos and sin
};
RopeParameters ScaledRope(int64_t head_dim, double theta, const RopeScaling& scaling);

}  // namespace rlvr
#endif  // RLVR_MODEL_ROPE_SCALING_H_
