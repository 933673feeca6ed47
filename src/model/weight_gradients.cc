#include "model/weight_gradients.h"

#include "tensor/elementwise.h"

namespace rlvr {

View<float> WeightGradients::Norm(int64_t offset, int64_t n) const {
  return model_.lora() ? View<float>() : View<float>(gradient_ + offset, 1, n);
}

void WeightGradients::Bias(View<const float> dy, int64_t offset) const {
  if (!model_.lora()) BiasGradient(dy, units_, {gradient_ + offset, 1, dy.cols});
}

void WeightGradients::Projections(int64_t layer, std::initializer_list<Projection> list,
                                  View<const float> dy, View<const float> x) const {
  const auto weight = [&](Projection p) {
    return WeightOf(model_.config(), model_.layout().layers[static_cast<size_t>(layer)], p);
  };
  const Lora* lora = model_.lora();
  const int64_t first = weight(*list.begin()).offset;
  bool adjoin = !lora;  // one matrix: the activations are packed once
  for (int64_t column = 0; const Projection p : list) {
    adjoin = adjoin && weight(p).offset == first + column * x.cols;
    column += weight(p).rows;
  }
  if (adjoin) {
    WeightGradient(dy, x, units_, model_.compute(), {gradient_ + first, dy.cols, x.cols});
    return;
  }
  for (int64_t column = 0; const Projection p : list) {
    const ProjectionWeight w = weight(p);
    const View<const float> own = dy.Cols(column, column + w.rows);
    if (!lora) {
      WeightGradient(own, x, units_, model_.compute(), {gradient_ + w.offset, w.rows, w.cols});
    } else if (lora->Adapts(p)) {
      lora->AddGradient(layer, p, own, x, units_, gradient_);
    }
    column += w.rows;
  }
}

void WeightGradients::Embedding(View<const float> dx, std::span<const int32_t> tokens) const {
  if (model_.lora()) return;
  EmbeddingBackward(
      dx, tokens, units_,
      {gradient_ + model_.layout().embed, model_.config().vocab_size, model_.config().hidden_size});
}

}  // namespace rlvr
