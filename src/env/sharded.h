// Sharded conversations: the loop of "LLMs Get Lost In Multi-Turn Conversation", arXiv:2505.06120,
// as an environment. A user reveals at most one shard a turn; a turn of the policy that attempts an
// answer is judged; a right attempt ends the conversation.
#ifndef RLVR_ENV_SHARDED_H_
#define RLVR_ENV_SHARDED_H_
#include <memory>
#include <string>
#include <vector>

#include "env/environment.h"
#include "env/turn_reward.h"
#include "env/user.h"

namespace rlvr {

struct ShardedSettings {
  std::string conversation = "sharded";
  double full_share = 0;  // of groups, that are told everything at once, as in `full`
  // Of the other groups, in which one required shard, drawn by the group's key and never the first,
  // is never told: what cannot be answered to the end (RLAAR, arXiv:2510.18731).
  double withhold_share = 0;
  std::string system_prompt;  // empty: the prompt's own
  std::string full_prompt = "Q: [[QUESTION]]\nA:";
  bool end_on_correct = true;
  std::string attempts = "all";  // that count: all, or those made when every shard is revealed
  int extra_turns = 0;           // of the policy, once every shard is revealed and answered to
  std::string closing = "That is all I know. Please answer now.";  // opens each of them
  double score_weight = 1;  // of the conversation's score; 0 where the turns' rewards hold it
  UserSettings user;
  TurnRewardSettings turn_reward;

  template <class Visitor>
  void Params(Visitor& p) {
    p("conversation", conversation,
      std::vector<std::string>{"sharded", "full", "concat", "shuffle_concat", "recap", "snowball"});
    p("full_share", full_share, 0.0, 1.0);
    p("withhold_share", withhold_share, 0.0, 1.0);
    p("system_prompt", system_prompt);
    p("full_prompt", full_prompt);
    p("end_on_correct", end_on_correct);
    p("attempts", attempts, std::vector<std::string>{"all", "last"});
    p("extra_turns", extra_turns, 0, 1000);
    p("closing", closing);
    p("score_weight", score_weight, 0.0, 1e6);
    p.Section("user", user);
    p.Section("turn_reward", turn_reward);
  }
};
std::unique_ptr<EnvironmentMaker> MakeSharded(const ShardedSettings& settings,
                                              const EnvironmentServices& services);

}  // namespace rlvr
#endif  // RLVR_ENV_SHARDED_H_
