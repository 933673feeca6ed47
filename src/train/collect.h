// The first half of a step: prompts -> rollout -> reward -> select.
#ifndef RLVR_TRAIN_COLLECT_H_
#define RLVR_TRAIN_COLLECT_H_
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/data.h"
#include "env/environment.h"
#include "eval/conversations.h"
#include "eval/judged_tree.h"
#include "eval/policy.h"
#include "objective/objective.h"
#include "train/batch_fill.h"
#include "train/curriculum.h"
#include "train/foreign_rows.h"
#include "train/illocution_reward.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/step_batch.h"
#include "train/update.h"
#include "verify/reward_term.h"
#include "verify/verify.h"

namespace rlvr {

// Whether groups are judged, and others taken up, while sampling goes on; else in rounds, each of which
// is sampled to its end and then judged. Either way the batch is the same.
bool SamplesContinuously(const Recipe& recipe, int num_ranks);

class Collector {
 public:
  // All must outlive it. passes: of the policy. ranks: each samples and judges its share of a round's
  // prompts, and all collect the same groups; every one must call Collect, with the same arguments.
  Collector(const Recipe& recipe, const Policy& policy, TreePasses* passes,
            Communicator* ranks = &Alone());

  // The judged groups of step `step` (1 is the first): the first ones after `position`, in the order
  // of the prompts, that the recipe's selection keeps, until the batch is full. state: schedules and
  // the token temperature read it. Throws Error where the prompts of max_rounds do not fill the batch.
  // Conversations that were aborted leave their groups first; where groups are lost so, the batch may
  // be smaller than it should be.
  StepBatch Collect(int64_t step, int64_t position, const RunState& state);
  // One sample of the step again, judged: its path from the root alone. num_groups: that the step
  // sampled.
  Tree CollectOne(int64_t step, int64_t position, const RunState& state, int64_t num_groups,
                  int64_t prompt_index, int sample);

  // What the step has shown of its prompts.
  void Observe(int64_t step, const StepBatch& batch);
  void Measure(Metrics* metrics) const;
  int64_t num_prompts() const { return prompts_->size(); }

  using Files = std::map<std::string, std::string>;  // bytes of a checkpoint by name
  void Save(Files* files) const;
  void Load(const Files& files, const std::string& folder);  // folder: of the checkpoint

  // Share of the step's sampling that is done, about; may be empty.
  std::function<void(double)> on_progress;
  // Of a prompt that is sampled ahead: the least chance of being needed. Changes speed, no batch.
  double least_chance = 0.3;

 private:
  struct Round {  // the prompts of one call to sample
    std::vector<Prompt> prompts;
    std::vector<RolloutRequest> requests;
    std::vector<uint8_t> truncated;  // whether the prompt was
  };
  struct JudgedGroup : JudgedTree {
    std::vector<MetricTerm> terms;  // of the verifier and of rewards
    bool truncated = false;
    JudgedResponses strategies;
  };
  struct JudgedRound {                // judged_round.cc
    std::vector<JudgedGroup> groups;  // in the order of the prompts
    RolloutStats rollout;
    double seconds_rollout = 0;
  };
  struct Drawn {  // a prompt of the step
    Curriculum::Draw draw;
    int64_t position = 0;  // behind it
    Prompt prompt;
  };
  struct StepTally {  // of the groups that the step used
    ConversationTally conversations;
    JudgedResponses strategies;
    int64_t lost = 0;  // groups of which every conversation or response was aborted
    int64_t truncated = 0;
    double opposites = 0;
  };
  class Feed;  // collect_feed.cc
  void CollectContinuously(int64_t step, const RunState& state, BatchFill* fill, StepTally* tally,
                           StepBatch* batch);
  void CollectInRounds(int64_t step, const RunState& state, BatchFill* fill, StepTally* tally,
                       StepBatch* batch);
  bool Take(int64_t step, Drawn drawn, JudgedGroup group, StepTally* tally, StepBatch* batch);
  void CheckFilled(int64_t step, const StepTally& tally, const StepBatch& batch) const;
  void FinishTally(int64_t step, const StepTally& tally, StepBatch* batch);
  int64_t PromptsPerRound() const;
  RolloutOptions OptionsOf(const RunState& state);
  JudgedRound SampleRound(int64_t step, const RunState& state, Round round);
  JudgedRound SampleOnRanks(int64_t step, const RunState& state, const Round& round);
  void AddRequest(int64_t step, Curriculum::Draw draw, Round* round) const;
  void Open(Round* round) const;
  std::vector<Tree> Sample(Round* round, const RunState& state, RolloutStats* stats);
  void Rescore(std::vector<Tree>* trees);
  void MakeTerms(int64_t step, const RunState& state);
  const Verifier& VerifierOf(const Prompt& prompt);
  std::vector<JudgedResponses> JudgeStrategies(int64_t step, const std::vector<Prompt>& prompts,
                                               std::vector<Tree>* trees);
  void Judge(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics);
  void AddRewards(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics);
  void AddReplays(int64_t step, StepBatch* batch);

  const Recipe& recipe_;
  const Policy& policy_;
  TreePasses* passes_;
  Communicator* ranks_;
  std::unique_ptr<PromptSource> prompts_;
  Curriculum curriculum_;
  std::unique_ptr<Selector> selector_;
  EnvironmentServices services_;
  std::unique_ptr<EnvironmentMaker> environment_;  // null: prompts are answered in one turn
  bool told_failure_ = false;
  double kept_share_ = 1;  // of the last step's groups: a guess for the next one
  std::map<std::string, std::unique_ptr<Verifier>> verifiers_;
  std::vector<WeightedTerm> reward_terms_;  // of this step
  double seconds_rescored_ = 0;             // of this step, on this rank
  ReplayStore replay_;
  ResponseStore responses_;
  Speculation speculation_;  // from step to step; in no checkpoint, since it changes no sample
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_COLLECT_H_
