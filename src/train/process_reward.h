// An implicit process reward model (arXiv:2412.01981) trained online, as PRIME does
// (arXiv:2502.01456, Sec. 3): a policy of its own whose log-ratio to a reference is a reward for
// every token, and whose only labels are the verdicts on whole responses.
#ifndef RLVR_TRAIN_PROCESS_REWARD_H_
#define RLVR_TRAIN_PROCESS_REWARD_H_
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {

class ProcessReward {
 public:
  // folder: of a language model, or the name of an embedded one. total_steps: optimizer steps of
  // the whole run, for the schedule. temperature: of the log-probs.
  ProcessReward(const std::string& folder, ComputeType compute,
                const ProcessRewardSettings& settings, int64_t total_steps, float temperature,
                int64_t micro_batch_tokens, const ActivationBound& bound);

  // r_t = beta (log pi_phi(y_t) - log pi_ref(y_t)), in the order of Rows: [T]. rows: of these
  // trees, with logp_ref where settings.reference says so.
  std::vector<double> Rewards(std::span<const Tree* const> trees, const Rows& rows);

  // One optimizer step on
  //   L = -mean_i [l_i log sigma(s_i) + (1 - l_i) log sigma(-s_i)],  s_i = sum_t r_t
  // over all responses, l_i = 1 for a right one; every token counts, whatever the mask of the
  // policy loss. Bits do not depend on micro-batches or threads. Returns terms of
  // reward_model/prm_loss, reward_model/accuracy (share of responses with s_i > 0 just where they
  // are right), reward_model/pair_accuracy (of pairs of a right and a wrong response of one group,
  // the share with the larger s_i at the right one; absent without pairs), reward_model/raw_reward
  // (mean s_i), reward_model/grad_norm, reward_model/lr. Scores are those before the step.
  std::vector<MetricTerm> MiniBatch(std::span<const Tree* const> trees, const Rows& rows);

  const std::string& folder() const { return folder_; }
  Model* model() { return model_.get(); }
  Optimizer* optimizer() { return &optimizer_; }
  const AlignedBuffer<float>& gradient() { return gradient_.Finish(); }  // of the last MiniBatch

 private:
  // beta times the difference to the reference; begin: the first logp's token of rows.
  std::vector<double> Reward(const std::vector<double>& logp, const Rows& rows,
                             int64_t begin) const;

  std::string folder_;
  ProcessRewardSettings settings_;
  int64_t total_steps_;
  float temperature_;
  int64_t micro_batch_tokens_;
  std::unique_ptr<Model> model_;
  TreePasses passes_;
  Gradient gradient_;
  Optimizer optimizer_;
};

struct OutcomeLoss {
  double loss = 0, slope = 0;  // slope: dL/ds
};
// Cross-entropy of sigma(score) with the verdict, of one response: softplus(-s) or softplus(s), and
// its slope sigma(s) - l.
OutcomeLoss OutcomeCrossEntropy(double score, bool right);

}  // namespace rlvr
#endif  // RLVR_TRAIN_PROCESS_REWARD_H_
