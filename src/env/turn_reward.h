// Rewards of single turns of a conversation, by what the user had said until then.
#ifndef RLVR_ENV_TURN_REWARD_H_
#define RLVR_ENV_TURN_REWARD_H_
#include <string>
#include <string_view>
#include <vector>

#include "tree/tree.h"
#include "verify/illocution.h"

namespace rlvr {

// Section environment.turn_reward.
struct TurnRewardSettings {
  std::string name = "none";
  // icpo, arXiv:2601.15330; correct and wrong are the run's
  IllocutionSettings icpo;

  template <class Visitor>
  void Params(Visitor& p) {
    p("name", name, std::vector<std::string>{"icpo", "none"});
    if (name == "icpo") icpo.Params(p);
  }
};

// ICPO's (verify/illocution.h) of one turn. outcome: all but its reward; told: what the user had
// said then; missing: required shards that were hidden then.
double TurnReward(const TurnRewardSettings& settings, const TurnOutcome& outcome,
                  std::string_view text, const std::vector<std::string>& told,
                  const std::vector<std::string>& missing);

}  // namespace rlvr
#endif  // RLVR_ENV_TURN_REWARD_H_
