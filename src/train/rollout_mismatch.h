// Between the policy that trains, pi, and the one that sampled, mu, where rollouts are quantised.
#ifndef RLVR_TRAIN_ROLLOUT_MISMATCH_H_
#define RLVR_TRAIN_ROLLOUT_MISMATCH_H_
#include "objective/rows.h"
#include "train/metrics.h"
#include "train/recipe.h"

namespace rlvr {

// Over the tokens and responses that this step sampled, p and q a token's probability under pi and
// mu, d = log p - log q; names and formulas are verl's (docs/run_folder.md):
//   training/rollout_probs_diff_{mean,max,std} of |p - q|, training/rollout_actor_probs_pearson_corr
//   rollout_corr/kl mean(-d), k3_kl mean(e^d - 1 - d), chi2_token mean(e^2d) - 1,
//   log_ppl_diff mean over responses of their mean(-d), logp_abs_diff mean |d|,
//   seq_eff_sample_size (sum W)^2 / (B sum W^2), W = exp(sum of d of a response)
// Replaces training/rollout_probs_diff_max, which without quantised rollouts is 0.
void MeasureMismatch(const Rows& rows, Metrics* metrics);

// On stderr, where the recipe quantises rollouts and nothing corrects for it.
void WarnOfMismatch(const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_TRAIN_ROLLOUT_MISMATCH_H_
