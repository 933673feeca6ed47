// RLFR's flow reward (arXiv:2510.10201): a velocity field learns, online, how the hidden states of
// (right) responses follow one another; a token whose state deviates from it is punished.
#ifndef RLVR_TRAIN_FLOW_REWARD_H_
#define RLVR_TRAIN_FLOW_REWARD_H_
#include <functional>
#include <span>
#include <vector>

#include "train/flow_field.h"
#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

// First child of RandomKey(seed), beside those of Stream.
inline constexpr uint64_t kFlowStream = 101;

// The states are the residual stream after these layers, at each token of a response; the condition
// is the state one token earlier.
class FlowReward {
 public:
  // total_steps: of the field's optimizer, for the schedule. key: of the field's first weights.
  FlowReward(const ModelConfig& config, const FlowRewardSettings& settings, int64_t total_steps,
             RandomKey key, int64_t micro_batch_tokens);

  // t/(1-t) mean_d (v - u)^2 at t = settings.time, mean over layers, in the order of Rows: [T].
  // Noise is drawn from the key of each token, so that the bits depend on neither packing,
  // micro-batches nor threads.
  std::vector<double> Scores(TreePasses* passes, std::span<const Tree* const> trees,
                             const Rows& rows, RandomKey key);
  // -coefficient * what ShapeFlowScores makes of each response's scores. Adds terms of
  // flow_reward/score (mean, before shaping), flow_reward/rewarded_tokens (share that is not 0),
  // flow_reward/reward (sum over a response, mean).
  std::vector<double> Rewards(TreePasses* passes, std::span<const Tree* const> trees,
                              const Rows& rows, RandomKey key, std::vector<MetricTerm>* metrics);
  // One optimizer step on
  //   L = sum_i w_i mean_t mean_layers mean_d (v - u)^2 / sum_i w_i
  // over responses i: w_i = 1 for a right one, else wrong_weight. None if every w_i is 0. Returns
  // terms of flow_reward/loss, flow_reward/trained_responses (share), flow_reward/grad_norm,
  // flow_reward/lr.
  std::vector<MetricTerm> MiniBatch(TreePasses* passes, std::span<const Tree* const> trees,
                                    const Rows& rows, RandomKey key);

  FlowField* field() { return &field_; }
  const std::vector<int64_t>& layers() const { return layers_; }
  const AlignedBuffer<float>& gradient() const { return gradient_; }  // of the last MiniBatch

 private:
  struct Unit;   // a response at one layer
  struct Piece;  // some of them, as inputs of the field
  void ForEachPiece(TreePasses* passes, std::span<const Tree* const> trees, const Rows& rows,
                    RandomKey key, const std::vector<double>& weight, bool training,
                    const std::function<void(const Piece&)>& body);

  FlowRewardSettings settings_;
  int64_t num_layers_, total_steps_, micro_batch_tokens_;
  std::vector<int64_t> layers_;
  FlowField field_;
  AlignedBuffer<float> gradient_;
  AlignedBuffer<float> x_, condition_, velocity_, v_;  // [N, D]
};

// Of one response, in place: min-max to [0, 1] (bilateral: then to [-1, 1]; all equal: 0), the power
// gamma (signs stay), 0 unless beyond the threshold, and where at least top_k are left 0 but for the
// largest top_k (bilateral: the top_k / 2 largest and smallest each; ties: the earlier token).
void ShapeFlowScores(const FlowRewardSettings& settings, std::span<double> score);

}  // namespace rlvr
#endif  // RLVR_TRAIN_FLOW_REWARD_H_
