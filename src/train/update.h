// One mini-batch of groups: coefficients -> gradients -> new weights.
#ifndef RLVR_TRAIN_UPDATE_H_
#define RLVR_TRAIN_UPDATE_H_
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/head.h"
#include "model/pack_tree.h"
#include "objective/objective.h"
#include "train/gradient_shards.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/tree_rows.h"

namespace rlvr {

// Consecutive trees whose tokens sum to at most `max_tokens` (or one tree that is larger than
// that): trees are never split. Returns the bounds [batches + 1].
std::vector<int64_t> SplitMicroBatches(std::span<const Tree* const> trees, int64_t max_tokens);

inline constexpr Statistic kLogpOnly[] = {Statistic::kLogp};

// The buffers of forward and backward passes over packed trees of one model.
class TreePasses {
 public:
  explicit TreePasses(const Model* model, const ActivationBound& bound = {});
  // A model that is run beside this one, for statistics that compare the two (null: none). Passes of
  // its own model; they must outlive this.
  void SetSecond(TreePasses* second) { second_ = second; }
  // SplitMicroBatches, within what the bound holds. Error where it does not hold one of the trees.
  std::vector<int64_t> MicroBatches(std::span<const Tree* const> trees, int64_t max_tokens) const;
  // Packs and runs forward; `predicted`: whose tokens become predictions. for_backward keeps
  // activations.
  const PackedTrees& Forward(std::span<const Tree* const> trees, Authors predicted,
                             bool for_backward);
  // Statistics of every prediction of the last Forward: [wanted][predictions].
  std::vector<std::vector<float>> Score(float temperature, std::span<const Statistic> wanted);
  // Adds the gradient of sum coefficient * statistic; returns the statistics on the way, with the
  // bits of Score. After Forward(..., for_backward = true).
  std::vector<std::vector<float>> Backward(float temperature, std::span<const Statistic> wanted,
                                           const std::vector<std::vector<float>>& coefficients,
                                           Gradient* gradient);

  // The same of a critic (model/value_head.h): one value for every prediction, of the state before
  // its token; and the gradient of sum coefficient * value.
  std::vector<float> Values();
  void BackwardValues(const std::vector<float>& coefficients, Gradient* gradient);

  const PackedTrees& packed() const { return packed_; }  // of the last Forward
  // [T, D] residual stream after layer l, from 0, of the last Forward(..., for_backward = true).
  View<const float> Residual(int64_t layer) const;
  // Bytes of activations (model/activations.h): what is held, without head and attention's backward,
  // and the most that a pass has needed since the last call.
  int64_t held_bytes() const { return workspace_.bytes(); }
  int64_t TakeMostBytes() { return std::exchange(most_bytes_, 0); }

 private:
  std::vector<int64_t> PredictionRows() const;
  View<float> hidden();   // [T, D]
  View<float> scratch();  // [T, D]: rows to score, and the gradient of `hidden`

  const Model* model_;
  ActivationBound bound_;
  int64_t most_tokens_, most_bytes_ = 0;
  TreePasses* second_ = nullptr;
  KvCache cache_;
  Workspace workspace_;
  Activations activations_;
  PackedTrees packed_;
  AlignedBuffer<float> second_rows_;  // of the second model's hidden states
};

// [predictions] of a packed batch -> a field of each of its trees.
std::vector<SegmentField<float>> ScatterToTrees(const PackedTrees& packed,
                                                std::span<const Tree* const> trees,
                                                const std::vector<float>& values);

// Statistics of every training token of the trees under a model that does not change:
// [wanted][trees]. For a reference model, or for what a method asks of the policy that sampled. The
// trees are dealt out to the ranks, every one of which must call.
std::vector<std::vector<SegmentField<float>>> ScoreTrees(
    TreePasses* passes, std::span<const Tree* const> trees, std::span<const Statistic> wanted,
    float temperature, int64_t micro_batch_tokens, Communicator* ranks = &Alone());

struct UpdateResult {
  double objective = 0;
  bool applied = false;           // false: every token is masked, and nothing has changed
  AppliedGradient gradient;       // of the optimizer step
  double probs_diff_max = 0;      // only where on_policy
  int64_t trained_tokens = 0;     // packed: forward and backward
  std::vector<MetricTerm> terms;  // the objective's, added up over micro-batches
};

class Updater {
 public:
  // total_steps: optimizer steps of the whole run, for the schedule. temperature: of the
  // statistics.
  Updater(Model* model, const Objective* objective, const OptimizerSettings& settings,
          int64_t total_steps, float temperature, int64_t micro_batch_tokens,
          const ActivationBound& bound = {}, const GradientShards& shards = {});

  // One optimizer step on whole groups. rows [G] groups: of these trees. on_policy: the weights are
  // still those that sampled, so the recorded statistics serve, and backward's own must equal them
  // bit for bit; if not, throws Error naming the token. key: of this optimizer step. The same
  // groups and number of shards give the same bits for any micro_batch_tokens and number of threads
  // and ranks; every rank calls with the same arguments and has the same result. A mini-batch of
  // which every token is masked, and without `more`, is no optimizer step.
  // more: adds a further term's gradient, of a loss, before the step; on every rank the whole.
  using GradientTerm = std::function<void(TreePasses*, Gradient*)>;
  UpdateResult MiniBatch(std::span<const Tree* const> trees, const Rows& rows, bool on_policy,
                         RandomKey key, Optimizer* optimizer, const GradientTerm& more = {});

  void SetObjective(const Objective* objective) { objective_ = objective; }
  // Whose rows the objective's divergences see; none may be needed without. Must outlive this.
  void SetReference(TreePasses* reference) { reference_ = reference; }
  TreePasses* passes() { return &passes_; }
  Gradient& gradient() { return gradient_; }  // of the loss, of the last MiniBatch

 private:
  friend class MiniBatchRun;  // mini_batch.cc

  Model* model_;
  const Objective* objective_;
  OptimizerSettings settings_;
  int64_t total_steps_;
  float temperature_;
  int64_t micro_batch_tokens_;
  GradientShards shards_;
  TreePasses passes_;
  TreePasses* reference_ = nullptr;
  Gradient gradient_;
};

double Value(const MetricTerm& term);
// Adds terms of one name up (the largest of "max" ones stays).
void AddTerms(const std::vector<MetricTerm>& from, std::vector<MetricTerm>* to);
// Terms of one name become one number.
Metrics MetricsOf(const std::vector<MetricTerm>& terms);

}  // namespace rlvr
#endif  // RLVR_TRAIN_UPDATE_H_
