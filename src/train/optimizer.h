// From a gradient to new weights: schedule, clipping by the global norm, AdamW.
#ifndef RLVR_TRAIN_OPTIMIZER_H_
#define RLVR_TRAIN_OPTIMIZER_H_
#include <cstdint>
#include <vector>

#include "model/model.h"
#include "train/recipe.h"

namespace rlvr {

// AdamW's moments, arrays of what is trained of the model, and the number of steps taken.
struct Optimizer {
  explicit Optimizer(const Model& model) : Optimizer(model.trainable().total) {}
  explicit Optimizer(int64_t total);
  AlignedBuffer<float> m, v;  // [trainable().total]
  int64_t step = 0;
  int64_t moments_from =
      0;  // the step at which they were last zeroed: bias correction counts from it
};

// The gradient of one mini-batch, added up over micro-batches. With tied embeddings the head's part
// is kept apart until Finish, so that the bits do not depend on the micro-batches' borders
// (model/head.h).
class Gradient {
 public:
  explicit Gradient(const Model& model);
  void Clear();
  float* body() { return body_.data(); }
  float* tied() { return tied_.size() > 0 ? tied_.data() : nullptr; }
  int64_t size() const { return body_.size(); }
  // Adds the head's part to the body, and has none any more.
  void Fold();
  const AlignedBuffer<float>& Finish();  // [trainable().total], all parts together

 private:
  const Model& model_;
  AlignedBuffer<float> body_, tied_;  // [trainable().total]; [V, D] or empty
};

// Of optimizer step `step` (1 is the first) out of `total_steps`.
double LearningRate(const OptimizerSettings& settings, int64_t step, int64_t total_steps);

struct AppliedGradient {
  double norm = 0, lr = 0;  // norm: before clipping
};
// One AdamW step on the gradient [trainable().total] of a loss (to be minimised). A gradient that is not
// finite throws Error before any weight has changed.
AppliedGradient ApplyGradient(const OptimizerSettings& settings, int64_t total_steps,
                              const AlignedBuffer<float>& gradient, Model* model,
                              Optimizer* optimizer);

// The same for any array of named weights; what is packed of them is the caller's to renew.
AppliedGradient ApplyGradient(const OptimizerSettings& settings, int64_t total_steps,
                              const AlignedBuffer<float>& gradient,
                              const std::vector<Parameter>& parameters, float* weights,
                              Optimizer* optimizer);

// The moments of a fresh optimizer; the schedule goes on.
void ResetMoments(Optimizer* optimizer);

void FillZero(AlignedBuffer<float>* buffer);  // parallel

}  // namespace rlvr
#endif  // RLVR_TRAIN_OPTIMIZER_H_
