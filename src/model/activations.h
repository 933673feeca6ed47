// The memory of passes: one block, in which every pass lays its arrays out anew for its number of
// tokens. So nothing of a larger pass stays beside what a smaller one needs, and the bytes of a pass
// are known before it is made.
#ifndef RLVR_MODEL_ACTIVATIONS_H_
#define RLVR_MODEL_ACTIVATIONS_H_
#include <cstdint>
#include <limits>
#include <vector>

#include "model/config.h"
#include "tensor/attention.h"
#include "tensor/view.h"

namespace rlvr {

inline constexpr int64_t kAllLayers = std::numeric_limits<int64_t>::max();

// What Backward needs of Forward: the residual stream at every layer's start, and of the last
// kept_layers layers (at least one) everything. The others are made again, with the same bits, where
// the last layer's arrays were, of which nothing is needed any more by then.
struct Activations {
  int64_t kept_layers = kAllLayers;  // more than there are: all

  // Where Forward left them: views into the workspace, until its next pass.
  struct Layer {
    View<float> input_rstd;      // [T]
    View<float> qkv;             // [T, (H + 2 K) E] with biases, before QK-norm and RoPE; without
                                 // QK-norm q and k after RoPE
    View<float> q;               // [T, H E] after QK-norm and RoPE; without QK-norm a part of qkv
    View<float> q_rstd, k_rstd;  // [T, H], [T, K] of QK-norm
    View<float> max_score, sum;  // [T, H]
    View<float> attention;       // [T, H E]
    View<float> middle;          // [T, D] residual stream after attention
    View<float> middle_rstd;     // [T]
    View<float> gate_up;         // [T, 2F]
    Layer Rows(int64_t begin, int64_t end) const;
  };
  std::vector<View<float>> input;  // [L] of [T, D] residual stream
  std::vector<Layer> layers;       // [L]; layers that are not kept have the last one's arrays
  View<float> output;              // [T, D] residual stream after the last layer
  View<float> output_rstd;         // [T]
};

// One per user of a model, for call after call.
struct Workspace {
  // [T, D] matrices at the block's begin, which are the caller's: their contents stay until the next
  // Forward.
  int64_t own_matrices = 0;
  View<float> Own(int64_t i, int64_t T, int64_t D);

  AlignedBuffer<float> block;
  const Activations* holds = nullptr;                 // what lies in it
  std::vector<std::vector<AttentionRun>> piece_runs;  // of threads that run pieces of a batch
  int64_t bytes() const { return block.capacity_bytes(); }
};

// How many bytes the passes of a model may hold: activations, what the passes work in, hidden states
// with their gradient, and the head's logits. Keys and values are not among them.
struct ActivationBound {
  bool recompute = false;  // keep as few layers as can be
  int64_t bytes = 0;       // 0: any number
};
// Of Forward, HeadBackward and Backward of T tokens, hidden states and their gradient included (two
// own matrices). Exact for the block; of the head and of attention's backward it is the most.
int64_t ActivationBytes(const ModelConfig& config, int64_t T, int64_t kept_layers);
// Of Forward alone, with as many own matrices, and HeadForward.
int64_t ForwardBytes(const ModelConfig& config, int64_t T);
// The most layers that can be kept of T tokens, from 1 to L; 0 where not even one.
int64_t KeptLayers(const ModelConfig& config, const ActivationBound& bound, int64_t T);
// The most tokens of which a layer can be kept; 0 where not even of one.
int64_t MostTokens(const ModelConfig& config, const ActivationBound& bound);

}  // namespace rlvr
#endif  // RLVR_MODEL_ACTIVATIONS_H_
