// A value model and its training: what PPO's advantages (gae) read. The policy's architecture with
// a value head, its own optimizer; its folder is a Qwen3ForTokenClassification with one label.
#ifndef RLVR_TRAIN_CRITIC_H_
#define RLVR_TRAIN_CRITIC_H_
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/metrics.h"
#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

class Critic {
 public:
  // folder: of a critic, or of a policy, whose value head is then 0. total_steps: optimizer steps
  // of the whole run, for the schedule.
  Critic(const std::string& folder, ComputeType compute, const CriticSettings& settings,
         int64_t total_steps, int64_t micro_batch_tokens, const ActivationBound& bound);

  // V of the state before each training token, in the order of Rows: [T].
  std::vector<double> Values(std::span<const Tree* const> trees);

  // One optimizer step on
  //   L = 1/2 mean_t max((V_t - R_t)^2, (clip(V_t, V_old - c, V_old + c) - R_t)^2)
  // over unmasked tokens; V_old = rows.value, R = rows.value_target, c = cliprange_value. As verl's
  // critic; arXiv:1707.06347 has the unclipped loss. Bits do not depend on micro-batches or
  // threads. Returns terms of critic/vf_loss, critic/vf_clipfrac, critic/vpred_mean,
  // critic/grad_norm, critic/lr.
  std::vector<MetricTerm> MiniBatch(std::span<const Tree* const> trees, const Rows& rows);

  const std::string& folder() const { return folder_; }
  Model* model() { return model_.get(); }
  const Model* model() const { return model_.get(); }
  Optimizer* optimizer() { return &optimizer_; }
  const Optimizer* optimizer() const { return &optimizer_; }
  const AlignedBuffer<float>& gradient() { return gradient_.Finish(); }  // of the last MiniBatch

 private:
  std::string folder_;
  CriticSettings settings_;
  int64_t total_steps_, micro_batch_tokens_;
  std::unique_ptr<Model> model_;
  TreePasses passes_;
  Gradient gradient_;
  Optimizer optimizer_;
};

struct ValueLoss {
  double loss = 0, slope = 0;  // slope: dL/dV
  bool clipped = false;
};
// Of one token.
ValueLoss ClippedValueLoss(double value, double value_old, double target, double cliprange);

// 1 - Var(R - V) / Var(R) over unmasked tokens; 0 where the targets do not vary.
double ExplainedVariance(const Rows& rows);

}  // namespace rlvr
#endif  // RLVR_TRAIN_CRITIC_H_
