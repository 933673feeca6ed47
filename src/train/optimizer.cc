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

namespace {

// What comes before any weight changes: the norm, the clip, the step's number and learning rate; then
// AdamW for what decays and for what does not.
struct NextStep {
  AppliedGradient applied;
  AdamWStep decayed, plain;
};

NextStep BeginStep(const OptimizerSettings& s, int64_t total_steps,
                   const AlignedBuffer<float>& gradient, Optimizer* optimizer) {
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
  const auto scale = static_cast<float>(
      s.grad_clip > 0 && applied.norm > s.grad_clip ? s.grad_clip / applied.norm : 1);
  applied.lr = LearningRate(s, ++optimizer->step, total_steps);
  AdamWOptions options{
      .lr = applied.lr, .beta1 = s.beta1, .beta2 = s.beta2, .eps = s.eps, .weight_decay = 0};
  const int64_t step = optimizer->step - optimizer->moments_from;
  const AdamWStep plain(options, step, scale);
  options.weight_decay = s.weight_decay;
  return {applied, AdamWStep(options, step, scale), plain};
}

// Elements [begin, end) of one parameter.
void Step(const NextStep& next, const Parameter& p, int64_t begin, int64_t end,
          const AlignedBuffer<float>& gradient, Optimizer* optimizer, float* weights) {
  const auto n = static_cast<size_t>(end - begin);
  (p.decay ? next.decayed : next.plain)({gradient.data() + begin, n},
                                        {optimizer->m.data() + begin, n},
                                        {optimizer->v.data() + begin, n}, {weights + begin, n});
}

}  // namespace

AppliedGradient ApplyGradient(const OptimizerSettings& s, int64_t total_steps,
                              const AlignedBuffer<float>& gradient, Model* model,
                              Optimizer* optimizer) {
  RLVR_CHECK(gradient.size() == model->trainable().total) << gradient.size();
  const NextStep next = BeginStep(s, total_steps, gradient, optimizer);
  float* weights = model->trainable_weights();
  model->UpdateWeights([&](const Parameter& p, int64_t begin, int64_t end) {
    Step(next, p, begin, end, gradient, optimizer, weights);
  });
  return next.applied;
}

AppliedGradient ApplyGradient(const OptimizerSettings& s, int64_t total_steps,
                              const AlignedBuffer<float>& gradient,
                              const std::vector<Parameter>& parameters, float* weights,
                              Optimizer* optimizer) {
  const NextStep next = BeginStep(s, total_steps, gradient, optimizer);
  for (const Parameter& p : parameters) {
    ParallelFor(p.size(), 4096, [&](int64_t begin, int64_t end) {
      Step(next, p, p.offset + begin, p.offset + end, gradient, optimizer, weights);
    });
  }
  return next.applied;
}

}  // namespace rlvr
