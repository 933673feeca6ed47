#ifndef RLVR_OBJECTIVE_ADVANTAGE_IGPO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_IGPO_H_
#include <string>

#include "objective/advantage/turns.h"

namespace rlvr {
// Information-gain policy optimization, arXiv:2510.14967, Eq. 5 to 7: rewards of all turns of a group,
// normalised together, then discounted over later turns.
//   r_{i,t} = the turn's own reward; at the last turn T the outcome
//   A_{i,t} = (r_{i,t} - mean r) / (std r + eps)   over all turns of all rows of the group
//   A~_{i,t} = sum_{k >= t} gamma^{k-t} A_{i,k}
// norm joint is the paper's; separate (released code) has one mean and std for the turns before the
// last and one for the outcomes; std false leaves the divisions out. A last turn's own reward counts
// with the outcome. The turns' own rewards are the gains of the gold answer's probability, which
// `turn_gain` in the recipe makes (train/turn_gain.h); an environment's own rewards may join them.
// gamma 1 is the released default. Equal rewards, or one turn alone: 0.
struct Igpo {
  static constexpr MethodInfo kInfo{
      "igpo", "2510.14967",
      "A_{i,t} = sum_{k>=t} gamma^{k-t} (r_{i,k} - mean r) / (std r + eps), mean and std over all "
      "turns of the group, the outcome as the last turn's reward"};
  double gamma = 1;
  std::string norm = "joint";
  bool std = true;
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
    p("norm", norm, {"joint", "separate"});
    p("std", std);
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const auto turns = TurnsOf(*rows);
    const auto group = GroupOfRows(*rows);
    const Column outcomes = Outcomes(*rows, turns);
    Column reward;
    std::vector<std::pair<int32_t, bool>> keys;
    double gains = 0, num_gains = 0;
    for (const RowTurn& turn : turns) {
      reward.push_back(turn.reward + (turn.ends ? outcomes[turn.row] : 0));
      keys.emplace_back(group[turn.row], norm == "separate" && turn.ends);
      if (turn.ends) continue;
      gains += turn.reward;
      num_gains += 1;
    }
    const Column relative = Relative(GroupBy(keys), reward, std, eps);
    SpreadTurns(turns, SumOverLaterTurns(turns, relative, gamma), &rows->adv);
    if (num_gains > 0) context.metrics->push_back({"igpo/turn_reward", gains, num_gains});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_IGPO_H_
