#include "train/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/thread_pool.h"
#include "model/head.h"
#include "tensor/adamw.h"
#include "tensor/elementwise.h"

namespace rlvr {

void FillZero(AlignedBuffer<float>* buffer) {
  float* data = buffer->data();
  ParallelFor(buffer->size(), 1 << 16, [&](int64_t begin, int64_t end) {
    std::memset(data + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

Optimizer::Optimizer(int64_t total) : m(total), v(total) {
  FillZero(&m);
  FillZero(&v);
}

void ResetMoments(Optimizer* optimizer) {
  FillZero(&optimizer->m);
  FillZero(&optimizer->v);
  optimizer->moments_from = optimizer->step;
}

Gradient::Gradient(const Model& model) : model_(model), body_(model.trainable().total) {
  const ModelConfig& config = model.config();
  if (config.tie_word_embeddings && !config.value_head && !model.lora())
    tied_.Resize(config.vocab_size * config.hidden_size);
}

void Gradient::Clear() {
  FillZero(&body_);
  FillZero(&tied_);
}

void Gradient::Fold() {
  Finish();
  FillZero(&tied_);
}

const AlignedBuffer<float>& Gradient::Finish() {
  if (tied_.size() > 0) AddTiedGradient(model_, tied_.data(), body_.data());
  return body_;
}

double LearningRate(const OptimizerSettings& s, int64_t step, int64_t total_steps) {
  if (step <= s.warmup_steps) {
    return s.lr * static_cast<double>(step) / static_cast<double>(s.warmup_steps);
  }
  if (s.schedule == "constant") return s.lr;
  const double decay_steps =
      static_cast<double>(std::max<int64_t>(total_steps - s.warmup_steps, 1));
  const double done = std::min(1.0, static_cast<double>(step - s.warmup_steps) / decay_steps);
  const double left =
      s.schedule == "linear" ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return s.lr * (s.min_lr_ratio + (1 - s.min_lr_ratio) * left);
}

AppliedGradient ApplyGradient(const OptimizerSettings& s, int64_t total_steps,
                              const AlignedBuffer<float>& gradient, Model* model,
                              Optimizer* optimizer) {
  const Model::Trainable trainable = model->trainable();
  RLVR_CHECK(gradient.size() == trainable.total) << gradient.size();
  const AppliedGradient applied = ApplyGradient(s, total_steps, gradient, *trainable.parameters,
                                                model->trainable_weights(), optimizer);
  model->WeightsChanged(/*for_training=*/true);
  return applied;
}

AppliedGradient ApplyGradient(const OptimizerSettings& s, int64_t total_steps,
                              const AlignedBuffer<float>& gradient,
                              const std::vector<Parameter>& parameters, float* weights,
                              Optimizer* optimizer) {
  const int64_t n = gradient.size();
  RLVR_CHECK(n == optimizer->m.size()) << n;
  AppliedGradient applied;
  applied.norm = std::sqrt(SumOfSquares({gradient.data(), 1, n}));
  if (!std::isfinite(applied.norm)) {
    throw Error(fmt::format("optimizer step {}", optimizer->step + 1),
                fmt::format("the gradient's norm is {}", applied.norm),
                "the weights are still those before it; lower update.lr, or go back to an earlier "
                "checkpoint");
  }
  const double scale =
      s.grad_clip > 0 && applied.norm > s.grad_clip ? s.grad_clip / applied.norm : 1;
  applied.lr = LearningRate(s, ++optimizer->step, total_steps);
  for (const Parameter& p : parameters) {
    const AdamWOptions options{.lr = applied.lr,
                               .beta1 = s.beta1,
                               .beta2 = s.beta2,
                               .eps = s.eps,
                               .weight_decay = p.decay ? s.weight_decay : 0.0};
    const auto size = static_cast<size_t>(p.size());
    AdamW(options, optimizer->step - optimizer->moments_from, static_cast<float>(scale),
          {gradient.data() + p.offset, size}, {optimizer->m.data() + p.offset, size},
          {optimizer->v.data() + p.offset, size}, {weights + p.offset, size});
  }
  return applied;
}

}  // namespace rlvr
