#ifndef RLVR_OBJECTIVE_ADVANTAGE_GIGPO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_GIGPO_H_
#include <string>
#include <tuple>

#include "objective/advantage/turns.h"

namespace rlvr {
// Group-in-group policy optimization, arXiv:2505.10978, Sec. 4: a row is compared with the rows of its
// group, and each of its turns with the turns of the group that began in the same environment state.
//   A^E_i     = (R_i - mean R) / F                            episode level, over the group's rows
//   R_{i,t}   = sum_{k >= t} gamma^{k-t} r_{i,k}              Eq. 5
//   A^S_{i,t} = (R_{i,t} - mean R over G^S(s_{i,t})) / F      G^S(s): turns of the group in state s
//   A_{i,t}   = A^E_i + omega A^S_{i,t}
// F is the std (divisor n - 1, plus eps) or 1: norm std, none (the released code's default). r_{i,k} is
// the turn's own reward, at the last turn with the row's outcome; R_i the row's whole reward.
//   anchor last     s is what the policy last read, as the released code's observation (Rows::state);
//                   the prompt for the first turn
//   anchor history  s is all that the other side has said so far: an own reading, for environments
//                   whose last message does not tell the state
// A state that one turn alone has visited gives 0, as in the code; so does a group of one row, where
// the code keeps the reward itself. A row counts once in the episode's mean; the code counts it once
// for each of its turns.
struct Gigpo {
  static constexpr MethodInfo kInfo{
      "gigpo", "2505.10978",
      "A_{i,t} = (R_i - mean R) / F + omega (R_{i,t} - mean over turns in the same state) / F, "
      "R_{i,t} = sum_{k>=t} gamma^{k-t} r_{i,k}, F = 1 or std"};
  double omega = 1, gamma = 0.95;
  std::string norm = "none", anchor = "last";
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("omega", omega, 0.0, 1e3);
    p("gamma", gamma, 0.0, 1.0);
    p("norm", norm, {"none", "std"});
    p("anchor", anchor, {"last", "history"});
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const auto turns = TurnsOf(*rows);
    if (turns.empty()) return;
    const auto group = GroupOfRows(*rows);
    const Column outcomes = Outcomes(*rows, turns);
    Column reward;
    std::vector<std::tuple<int32_t, std::vector<int64_t>>> keys;
    std::vector<int64_t> said;  // by the other side, in this row
    for (const RowTurn& turn : turns) {
      const bool fresh = turn.first == rows->begin[turn.row];
      if (fresh || anchor == "last") said.clear();
      said.push_back(rows->state[turn.first]);
      keys.emplace_back(group[turn.row], said);
      reward.push_back(turn.reward + (turn.ends ? outcomes[turn.row] : 0));
    }
    const bool std = norm == "std";
    const Grouping by = GroupBy(keys);
    const Column step = Relative(by, SumOverLaterTurns(turns, reward, gamma), std, eps);
    const Column episode = Relative(RowsBy(Scope::kGroup, *rows), rows->reward, std, eps);
    Column adv;
    for (size_t i = 0; i < turns.size(); ++i)
      adv.push_back(episode[turns[i].row] + omega * step[i]);
    SpreadTurns(turns, adv, &rows->adv);

    std::vector<double> size(static_cast<size_t>(by.count), 0.0);
    for (const int32_t id : by.id) size[static_cast<size_t>(id)] += 1;
    double alone = 0;
    for (const double n : size) alone += n == 1;
    const auto n = static_cast<double>(turns.size());
    context.metrics->push_back({"gigpo/state_turns", n, static_cast<double>(by.count)});
    context.metrics->push_back({"gigpo/alone", alone, n});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_GIGPO_H_
