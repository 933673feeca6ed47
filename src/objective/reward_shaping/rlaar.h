#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_RLAAR_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_RLAAR_H_
#include <algorithm>

#include "objective/advantage/turns.h"

namespace rlvr {
// RLAAR's reward, arXiv:2510.18731: a conversation that can be solved is paid for its answer, one whose
// shards are withheld for not answering.
//   last turn's request specified        the verifier's score
//   last turn's request underspecified   abstain if the turn is no answer attempt and not blank
//                                        (clarification, interrogation, discussion, hedge, refuse),
//                                        answer if it is
//   underspecified, cut off by a limit   the verifier's score: shards that the user would have told
//                                        were hidden still. Else asking in circles pays, and is learnt
// The paper's abstract has the two rewards, not their values: 1 and 0 are ours, as is that the last
// turn decides, the rule for limits, and that turns have no rewards of their own (an environment's are
// taken out; shaping stays). Rows of unknown illocution keep their reward. Strategies are by rules or
// by a judge, whatever made Rows::strategy.
struct Rlaar {
  static constexpr MethodInfo kInfo{
      "rlaar", "2510.18731",
      "r_i = score if the request can be answered at the last turn, else abstain for not answering "
      "and answer for answering; values ours"};
  double abstain = 1, answer = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("abstain", abstain, -1e6, 1e6);
    p("answer", answer, -1e6, 1e6);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    const auto turns = TurnsOf(*rows);
    const Column outcomes = Outcomes(*rows, turns);
    double unsolvable = 0, abstained = 0, solvable = 0, solved = 0, needless = 0, cut_off = 0;
    for (const RowTurn& turn : turns) {
      const int64_t s = turn.row;
      const Illocution last = rows->illocution[rows->begin[s + 1] - 1];
      if (last == Illocution::kUnknown) continue;
      std::fill(rows->turn_reward.begin() + turn.first, rows->turn_reward.begin() + turn.last, 0.0);
      if (!turn.ends) continue;
      const TurnStrategy strategy = rows->strategy[turn.first];
      const bool answers = strategy == TurnStrategy::kAnswerAttempt ||
                           strategy == TurnStrategy::kMissing || strategy == TurnStrategy::kUnknown;
      rows->reward[s] = outcomes[s];
      if (last == Illocution::kUnderspecified && rows->truncated[s]) {
        cut_off += 1;
      } else if (last == Illocution::kUnderspecified) {
        rows->reward[s] += (answers ? answer : abstain) - rows->score[s];
        unsolvable += 1;
        abstained += !answers;
      } else {
        solvable += 1;
        solved += rows->right(s);
        needless += !answers;
      }
    }
    context.metrics->push_back({"rlaar/cut_off", cut_off, static_cast<double>(rows->num_rows())});
    if (unsolvable > 0) context.metrics->push_back({"rlaar/abstained", abstained, unsolvable});
    if (solvable > 0) {
      context.metrics->push_back({"rlaar/solved", solved, solvable});
      context.metrics->push_back({"rlaar/needless", needless, solvable});
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_RLAAR_H_
