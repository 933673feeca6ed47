// The second half of a step before the update: rewards -> an advantage for every token, with the
// models that this needs beside the policy (reference, critic, reward models) and their own training.
#ifndef RLVR_TRAIN_CREDIT_H_
#define RLVR_TRAIN_CREDIT_H_
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "eval/policy.h"
#include "objective/objective.h"
#include "train/checkpoint.h"
#include "train/critic.h"
#include "train/flow_reward.h"
#include "train/likelihood_reward.h"
#include "train/process_reward.h"
#include "train/recipe.h"
#include "train/reference.h"
#include "train/step_batch.h"
#include "train/turn_gain.h"
#include "train/update.h"

namespace rlvr {

// The methods of one step: schedules and controllers give them new numbers at every step.
struct StepMethods {
  BatchStages reward_shaping, advantage;
  std::unique_ptr<Objective> objective;
  Needs needs() const;
};
StepMethods MakeMethods(const Recipe& recipe, int64_t step, const RunState& state);
// What the step's metrics tell their controllers.
void UpdateMethodControllers(const Recipe& recipe, const Metrics& metrics, RunState* state);

// Optimizer steps of each kind in a whole run, for schedules of the learning rate.
struct UpdateCounts {
  int64_t policy = 0;  // without the steps in which the policy waits
  int64_t critic = 0;
  int64_t reward_model = 0;  // one epoch a step
};
UpdateCounts CountUpdates(const Recipe& recipe, const Needs& needs);

class CreditAssignment {
 public:
  // All but needs must outlive it. passes: of the policy. Loads the models that the needs and the
  // recipe ask for; one that does not fit the policy throws Error. ranks: every one makes the same
  // calls and has the same state; the reference's passes are dealt out to them.
  CreditAssignment(const Recipe& recipe, const Policy& policy, const Needs& needs,
                   TreePasses* passes, Communicator* ranks = &Alone());

  // Makes batch->rows, with advantages, over the whole rollout batch. Leaves' rewards become those
  // after shaping. The reward models learn too, before or after they are asked.
  void Assign(int64_t step, const StepMethods& methods, RunState* state, StepBatch* batch);
  // The critic learns first, on all mini-batches, as in verl. Nothing without a critic.
  void UpdateCritic(int64_t step, StepBatch* batch);
  // In the first steps only what judges the policy learns.
  bool PolicyWaits(int64_t step) const;
  // Of a reward that depends on the policy's weights, for groups [begin, end) of the batch; empty
  // where there is none.
  Updater::GradientTerm MoreGradient(int64_t begin, int64_t end) const;
  // Of the reference, for objectives that compare the policy with it; null without one.
  TreePasses* reference() { return reference_ ? reference_->passes() : nullptr; }
  // After training step `step`. optimizer: the policy's.
  void AfterStep(int64_t step, Optimizer* optimizer);

  void MeasureTimes(Metrics* metrics) const;  // timing_s/* of the last step
  std::vector<SecondModel> OtherModels();     // that belong into checkpoints
  void Save(std::map<std::string, std::string>* files) const;
  void Load(const std::map<std::string, std::string>& files, const std::string& folder);

 private:
  void RewardTokens(StepBatch* batch);
  void RewardByFlow(int64_t step, StepBatch* batch);

  const Recipe& recipe_;
  const Policy& policy_;
  TreePasses* passes_;
  Communicator* ranks_;
  std::unique_ptr<Reference> reference_;  // these five: where a method needs them
  std::unique_ptr<Critic> critic_;
  std::unique_ptr<ProcessReward> process_reward_;
  std::unique_ptr<FlowReward> flow_reward_;
  std::unique_ptr<LikelihoodReward> likelihood_;
  std::unique_ptr<TurnGain> turn_gain_;
  bool reads_logp_ref_ = false;
  double seconds_critic_ = 0, seconds_process_reward_ = 0, seconds_flow_reward_ = 0;
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_CREDIT_H_
