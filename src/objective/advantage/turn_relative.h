#ifndef RLVR_OBJECTIVE_ADVANTAGE_TURN_RELATIVE_H_
#define RLVR_OBJECTIVE_ADVANTAGE_TURN_RELATIVE_H_
#include <string>

#include "objective/advantage/turns.h"

namespace rlvr {
// Advantages by turn index, for conversations with one reward a turn, such as the multi-turn form of
// ICPO (arXiv:2601.15330). No published formula: all of this is ours.
//   R_{i,t} = sum_{k >= t} gamma^{k-t} r_{i,k}         over the turns of row i
//   A_{i,t} = (R_{i,t} - mean_j R_{j,t}) / (std_j R_{j,t} + eps)
// mean and std over the rows j of the group that have a turn t (divisor n - 1); turn_centered leaves
// the division out, turn_normalized has it. Choices:
//   gamma 0   a turn is judged by its own reward; above 0 also by what came of it later. Returns are
//             made before they are compared, so that turn t is compared with what turn t of other
//             rows led to, however many turns these then took.
//   outcome   the row's reward without its turns' own. `last`: it is the last turn's, so that
//             gamma > 0 carries it back; a row that goes on is compared there with one that ended.
//             `own`: a component of its own, A_{i,t} += outcome_weight A(outcome_i), with mean and
//             std over all rows of the group.
//   a turn that a single row has, or where all have the same return: 0. A group of one is thus 0,
//             unlike group_normalized's.
// With one turn a row and no turn rewards it is group_normalized (group_centered).
template <bool kStd>
struct TurnRelative {
  double gamma = 0;
  std::string outcome = "last";
  double outcome_weight = 1;
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
    p("outcome", outcome, {"last", "own"});
    p("outcome_weight", outcome_weight, 0.0, 1e6);
    if constexpr (kStd) p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const auto turns = TurnsOf(*rows);
    const auto group = GroupOfRows(*rows);
    const Column outcomes = Outcomes(*rows, turns);
    Column reward;  // [turns]
    std::vector<std::pair<int32_t, int32_t>> keys;
    for (const RowTurn& turn : turns) {
      const bool takes = turn.ends && outcome == "last";
      reward.push_back(turn.reward + (takes ? outcome_weight * outcomes[turn.row] : 0));
      keys.emplace_back(group[turn.row], turn.index);
    }
    const Grouping by = GroupBy(keys);
    Column adv = Relative(by, SumOverLaterTurns(turns, reward, gamma), kStd, eps);
    if (outcome == "own") {
      const Column own = Relative(RowsBy(Scope::kGroup, *rows), outcomes, kStd, eps);
      for (size_t i = 0; i < turns.size(); ++i) adv[i] += outcome_weight * own[turns[i].row];
    }
    SpreadTurns(turns, adv, &rows->adv);
    if (rows->num_rows() > 0) {
      context.metrics->push_back(
          {"turns/mean", static_cast<double>(turns.size()), static_cast<double>(rows->num_rows())});
    }
  }
};
struct TurnCentered : TurnRelative<false> {
  static constexpr MethodInfo kInfo{
      "turn_centered", "",
      "A_{i,t} = R_{i,t} - mean_j R_{j,t}, R_{i,t} = sum_{k>=t} gamma^{k-t} r_{i,k}, over the rows "
      "of the group that have turn t; ours"};
};
struct TurnNormalized : TurnRelative<true> {
  static constexpr MethodInfo kInfo{
      "turn_normalized", "",
      "A_{i,t} = (R_{i,t} - mean_j R_{j,t}) / (std_j R_{j,t} + eps), R_{i,t} = sum_{k>=t} "
      "gamma^{k-t} r_{i,k}, over the rows of the group that have turn t; ours"};
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_TURN_RELATIVE_H_
