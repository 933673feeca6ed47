// Rewards of single turns of a conversation, by what the user had said until then.
#ifndef RLVR_ENV_TURN_REWARD_H_
#define RLVR_ENV_TURN_REWARD_H_
#include <string>
#include <vector>

#include "tree/tree.h"

namespace rlvr {

// Section environment.turn_reward.
struct TurnRewardSettings {
  std::string name = "none";
  // gril, arXiv:2604.19656
  double r_base = 1, gamma_d = 0.5, r_correct = 1, lambda = 0;

  template <class Visitor>
  void Params(Visitor& p) {
    p("name", name, std::vector<std::string>{"gril", "none"});
    if (name == "gril") {
      p("r_base", r_base, 0.0, 1e6);
      p("gamma_d", gamma_d, 0.0, 1.0);
      p("r_correct", r_correct, 0.0, 1e6);
      p("lambda", lambda, 0.0, 1e6);
    }
  }
};

// Of one conversation, turn after turn.
class TurnReward {
 public:
  explicit TurnReward(const TurnRewardSettings& settings) : settings_(settings) {}
  // outcome: of the turn, all but its reward. Once for every turn, in order.
  double Next(const TurnOutcome& outcome);

 private:
  const TurnRewardSettings& settings_;
  int num_prior_ = 0;
  bool detected_ = false;
};

// Asks, or says that it is unsure: everything but an answer and silence.
bool ExpressesUncertainty(TurnStrategy strategy);

}  // namespace rlvr
#endif  // RLVR_ENV_TURN_REWARD_H_
