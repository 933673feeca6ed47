// The metrics of one step, by the names that the field knows (docs/run_folder.md).
#ifndef RLVR_TRAIN_MEASURE_H_
#define RLVR_TRAIN_MEASURE_H_
#include "train/metrics.h"
#include "train/step_batch.h"
#include "train/update.h"

namespace rlvr {

// What one step's updates of the policy came to.
struct PolicyUpdate {
  int64_t updates = 0;  // optimizer steps; 0: the policy waited, or every token was masked
  int64_t skipped = 0;  // mini-batches of which every token was masked
  double objective = 0, grad_norm = 0, lr = 0;  // objective and norm: means over the updates
  double probs_diff_max = 0;                    // of the on-policy one
  int64_t trained_tokens = 0;
  std::vector<MetricTerm> terms;  // the objective's
};

// critic/score/*, critic/rewards/*, critic/advantages/*, response_length/*, prompt_length/*,
// actor/*, training/rollout_probs_diff_max, verdict/*, select/*, batch/*, timing_s/{gen, reward},
// perf/{sampled_tokens_per_s, draft_*, mean_acceptance_length, trained_tokens, total_tokens}, with
// conversations env/* and num_turns/*, and the batch's own terms. Rows that this policy did not
// sample count in none of the first five.
Metrics MeasureStep(const StepBatch& batch, const PolicyUpdate& update);

}  // namespace rlvr
#endif  // RLVR_TRAIN_MEASURE_H_
