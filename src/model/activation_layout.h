// Where the arrays of a pass lie in its block. Laying out without a block counts. Internal to model/.
#ifndef RLVR_MODEL_ACTIVATION_LAYOUT_H_
#define RLVR_MODEL_ACTIVATION_LAYOUT_H_
#include "model/activations.h"

namespace rlvr {

// Takes arrays one after the other, each at a multiple of 64 bytes.
class BlockCursor {
 public:
  explicit BlockCursor(float* begin = nullptr) : begin_(begin) {}
  View<float> Take(int64_t rows, int64_t cols) {
    float* const at = begin_ == nullptr ? nullptr : begin_ + used_;
    used_ += (rows * cols + kAligned - 1) / kAligned * kAligned;
    return {at, rows, cols};
  }
  int64_t used() const { return used_; }  // floats

 private:
  static constexpr int64_t kAligned = 16;
  float* begin_;
  int64_t used_ = 0;
};

// What the layers of a forward pass work in.
struct ForwardArrays {
  View<float> x, normed, k, act;  // [T, D], [T, D], [T, K E] with QK-norm, [T, F]
  ForwardArrays Rows(int64_t begin, int64_t end) const;
};
ForwardArrays TakeForward(const ModelConfig& config, int64_t T, BlockCursor* cursor);

// A layer's arrays that Forward alone writes: without `middle`.
Activations::Layer TakeScratchLayer(const ModelConfig& config, int64_t T, BlockCursor* cursor);

// A training pass. The arrays that Forward and Backward only work in come last, from `work` on:
// Forward may use that place otherwise.
struct TrainingArrays {
  ForwardArrays forward;
  View<float> dx, dnormed, dqkv, dattention, dgate_up, dact;
  int64_t work = 0, end = 0;  // floats from the block's begin
};
TrainingArrays TakeTraining(const ModelConfig& config, int64_t T, int64_t own_matrices,
                            float* block, Activations* saved);

}  // namespace rlvr
#endif  // RLVR_MODEL_ACTIVATION_LAYOUT_H_
