// Where Backward puts the gradients of weights: of every parameter, or of the adapters alone.
// Internal to model/.
#ifndef RLVR_MODEL_WEIGHT_GRADIENTS_H_
#define RLVR_MODEL_WEIGHT_GRADIENTS_H_
#include <initializer_list>
#include <span>

#include "model/model.h"

namespace rlvr {

class WeightGradients {
 public:
  // gradient [model.trainable().total]
  WeightGradients(const Model& model, std::span<const int64_t> units, float* gradient)
      : model_(model), units_(units), gradient_(gradient) {}

  // [1, n] to add a norm's gradient to; empty where norms are not trained.
  View<float> Norm(int64_t offset, int64_t n) const;
  void Bias(View<const float> dy, int64_t offset) const;
  // Of matrices with one input x, dy's columns one after the other.
  void Projections(int64_t layer, std::initializer_list<Projection> list, View<const float> dy,
                   View<const float> x) const;
  void Embedding(View<const float> dx, std::span<const int32_t> tokens) const;

 private:
  const Model& model_;
  std::span<const int64_t> units_;
  float* gradient_;
};

}  // namespace rlvr
#endif  // RLVR_MODEL_WEIGHT_GRADIENTS_H_
