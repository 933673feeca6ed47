#include "env/turn_reward.h"

#include <cmath>

namespace rlvr {

bool ExpressesUncertainty(TurnStrategy strategy) {
  return strategy != TurnStrategy::kAnswerAttempt && strategy != TurnStrategy::kMissing &&
         strategy != TurnStrategy::kUnknown;
}

// ICPO: the label's reward of the turn's strategy (verify/illocution.h), for every turn.
// GRIL: underspecified, the first turn that says so: r_base gamma_d^n_prior, n_prior turns before
// it; right: r_correct; a question when all is said: -lambda.
double TurnReward::Next(const TurnOutcome& outcome, std::string_view text,
                        const std::vector<std::string>& missing) {
  const int num_prior = num_prior_++;
  if (settings_.name == "none") return 0;
  if (settings_.name == "icpo") {
    const bool names =
        !settings_.icpo.clarify_requires_missing || NamesMissing(text, missing, settings_.icpo.tau);
    return IllocutionReward(settings_.icpo, outcome.illocution, outcome.strategy, outcome.right,
                            names);
  }
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
