#include "env/turn_reward.h"

namespace rlvr {

double TurnReward(const TurnRewardSettings& settings, const TurnOutcome& outcome,
                  std::string_view text, const std::vector<std::string>& told,
                  const std::vector<std::string>& missing) {
  if (settings.name == "none") return 0;
  const bool names = !settings.icpo.clarify_requires_missing ||
                     NamesMissing(text, told, missing, settings.icpo.tau);
  return IllocutionReward(settings.icpo, outcome.illocution, outcome.strategy, outcome.right,
                          names);
}

}  // namespace rlvr
