#include "env/turn_reward.h"

#include <cmath>

namespace rlvr {

bool ExpressesUncertainty(TurnStrategy strategy) {
  return strategy != TurnStrategy::kAnswerAttempt && strategy != TurnStrategy::kMissing &&
         strategy != TurnStrategy::kUnknown;
}

// GRIL: underspecified, the first turn that says so: r_base gamma_d^n_prior, n_prior turns before
// it; right: r_correct; a question when all is said: -lambda.
double TurnReward::Next(const TurnOutcome& outcome) {
  const int num_prior = num_prior_++;
  if (settings_.name == "none") return 0;
  const bool unsure = ExpressesUncertainty(outcome.strategy);
  double reward = outcome.right ? settings_.r_correct : 0;
  if (outcome.illocution == Illocution::kUnderspecified && unsure && !detected_) {
    detected_ = true;
    reward += settings_.r_base * std::pow(settings_.gamma_d, num_prior);
  }
  if (outcome.illocution == Illocution::kSpecified && unsure) reward -= settings_.lambda;
  return reward;
}

}  // namespace rlvr
