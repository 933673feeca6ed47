#include "train/conversations.h"

#include <array>
#include <string>
#include <vector>

#include "rollout/strategy.h"

namespace rlvr {
namespace {

// One turn of one row: tokens [begin, end).
struct Turn {
  int64_t row = 0, begin = 0, end = 0;
  bool last = false;
};

std::vector<Turn> OwnTurns(const Rows& rows) {
  std::vector<Turn> turns;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (rows.foreign[s]) continue;
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1];) {
      Turn turn{.row = s, .begin = t};
      while (t < rows.begin[s + 1] && rows.turn[t] == rows.turn[turn.begin]) ++t;
      turn.end = t;
      turn.last = t == rows.begin[s + 1];
      turns.push_back(turn);
    }
  }
  return turns;
}

struct OfLabel {
  double turns = 0, tokens = 0, entropy = 0, reward = 0, classified = 0;
  std::array<double, kNumTurnStrategies> strategies{};
  double Share(TurnStrategy strategy) const {
    return strategies[static_cast<size_t>(strategy)] / classified;
  }
};

}  // namespace

int64_t DropAborted(Tree* tree) {
  const auto dropped = static_cast<int64_t>(std::erase_if(
      tree->leaves, [](const Leaf& leaf) { return leaf.finish == Finish::kAborted; }));
  if (dropped > 0) PruneToLeaves(tree);
  return dropped;
}

void MeasureTurns(const Rows& rows, Metrics* metrics) {
  Summary turns;
  double of_row = 0;
  for (const Turn& turn : OwnTurns(rows)) {
    of_row += 1;
    if (!turn.last) continue;
    turns.Add(of_row);
    of_row = 0;
  }
  turns.Write("num_turns", metrics);
}

void MeasureIllocution(const Rows& rows, Metrics* metrics) {
  std::array<OfLabel, 3> labels;
  double own = 0;  // the rewards of the row's turns so far
  int64_t row = -1;
  for (const Turn& turn : OwnTurns(rows)) {
    if (turn.row != row) own = 0;
    row = turn.row;
    const double reward = rows.turn_reward[turn.begin];
    own += reward;
    const auto tokens = static_cast<double>(turn.end - turn.begin);
    OfLabel& of = labels[static_cast<size_t>(rows.illocution[turn.begin])];
    of.turns += 1;
    of.tokens += tokens;
    of.reward += reward + (turn.last ? rows.reward[row] - own : 0);
    for (int64_t t = turn.begin; t < turn.end; ++t) of.entropy += rows.entropy_old[t];
    const TurnStrategy strategy = rows.strategy[turn.begin];
    if (strategy == TurnStrategy::kUnknown) continue;
    of.classified += 1;
    of.strategies[static_cast<size_t>(strategy)] += 1;
  }
  for (const Illocution label : {Illocution::kSpecified, Illocution::kUnderspecified}) {
    const OfLabel& of = labels[static_cast<size_t>(label)];
    if (of.turns == 0) continue;
    const std::string name = ToString(label);
    (*metrics)["response_length/" + name] = of.tokens / of.turns;
    (*metrics)["entropy/" + name] = of.entropy / of.tokens;
    (*metrics)["reward/" + name] = of.reward / of.turns;
    if (of.classified == 0) continue;
    for (int i = 1; i < kNumTurnStrategies; ++i) {
      const auto strategy = static_cast<TurnStrategy>(i);
      (*metrics)["strategy/" + name + "/" + ToString(strategy)] = of.Share(strategy);
    }
    const double answers = of.Share(TurnStrategy::kAnswerAttempt);
    if (label == Illocution::kSpecified) {
      (*metrics)["false_clarification_rate"] = 1 - answers;
    } else {
      (*metrics)["answer_rate"] = answers;
    }
  }
}

}  // namespace rlvr
