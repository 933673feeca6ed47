#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_GRIL_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_GRIL_H_
#include <algorithm>
#include <cmath>

#include "objective/advantage/turns.h"

namespace rlvr {
// GRIL's two-sided reward, arXiv:2604.19656: finding out early that a premise is missing pays, asking
// about a complete problem costs.
//   incomplete problem   R_detect = r_base gamma_d^n   at the first turn that asks while the request
//                        is underspecified, n = turns before it; later questions 0
//                        R_solve = the outcome, once the premise has been supplied
//   complete problem     the outcome - lambda [asked]   the cost at the first turn that asks
// A problem is incomplete if its first turn's request was (Rows::illocution); turns of unknown
// illocution leave a row as it is. Asking is a turn of strategy clarification or interrogation, or one
// of `also`. The outcome is the row's reward without its turns' own, thus reward.correct [correct] and
// shaping; the turns' own rewards are replaced, so that an environment's do not count twice. The
// values of r_base, gamma_d and lambda are not in the sources at hand: ours.
struct Gril {
  static constexpr MethodInfo kInfo{
      "gril", "2604.19656",
      "turns: incomplete problem: r_base gamma_d^n at the first question, after n turns; complete "
      "problem: -lambda at it"};
  double r_base = 1, gamma_d = 0.5, lambda = 0.5;
  std::vector<std::string> also;
  template <class Visitor>
  void Params(Visitor& p) {
    p("r_base", r_base, 0.0, 1e6);
    p("gamma_d", gamma_d, 0.0, 1.0);
    p("lambda", lambda, 0.0, 1e6);
    p("also", also);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    std::vector<TurnStrategy> asking = {TurnStrategy::kClarification, TurnStrategy::kInterrogation};
    for (const auto& name : also) asking.push_back(ParseTurnStrategy(name));
    const auto turns = TurnsOf(*rows);
    const Column outcomes = Outcomes(*rows, turns);
    double incomplete = 0, detected = 0, complete = 0, needless = 0;
    Illocution first = Illocution::kUnknown;
    bool asked = false;
    for (const RowTurn& turn : turns) {
      const Illocution now = rows->illocution[turn.first];
      if (turn.first == rows->begin[turn.row]) {
        first = now;
        asked = false;
        incomplete += first == Illocution::kUnderspecified;
        complete += first == Illocution::kSpecified;
        if (first != Illocution::kUnknown) rows->reward[turn.row] = outcomes[turn.row];
      }
      if (first == Illocution::kUnknown) continue;
      const bool asks =
          std::find(asking.begin(), asking.end(), rows->strategy[turn.first]) != asking.end();
      double reward = 0;
      if (asks && !asked && first == Illocution::kSpecified) {
        reward = -lambda;
        needless += 1;
        asked = true;
      } else if (asks && !asked && now == Illocution::kUnderspecified) {
        reward = r_base * std::pow(gamma_d, turn.index);
        detected += 1;
        asked = true;
      }
      std::fill(rows->turn_reward.begin() + turn.first, rows->turn_reward.begin() + turn.last,
                reward);
      rows->reward[turn.row] += reward;
    }
    if (incomplete > 0) context.metrics->push_back({"gril/detected", detected, incomplete});
    if (complete > 0) context.metrics->push_back({"gril/needless", needless, complete});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_GRIL_H_
