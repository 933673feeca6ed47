#ifndef RLVR_OBJECTIVE_ADVANTAGE_TURNS_H_
#define RLVR_OBJECTIVE_ADVANTAGE_TURNS_H_
#include <cmath>
#include <map>
#include <vector>

#include "objective/batch_stage.h"

namespace rlvr {
// The policy's turns of all rows, row by row: what advantages by turn see. A response without an
// environment is one turn. A turn's reward is its own (Rows::turn_reward); what remains of the row's
// reward (verdict, shaping) is the row's outcome. A turn without tokens is none: its reward, if any,
// is part of the outcome.
struct RowTurn {
  int64_t row = 0, first = 0, last = 0;  // tokens [first, last)
  int32_t index = 0;                     // Rows::turn
  bool ends = false;                     // the last of its row
  double reward = 0;
};

inline std::vector<RowTurn> TurnsOf(const Rows& rows) {
  std::vector<RowTurn> turns;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      if (t == rows.begin[s] || rows.turn[t] != rows.turn[t - 1])
        turns.push_back({s, t, t, rows.turn[t], false, rows.turn_reward[t]});
      turns.back().last = t + 1;
    }
    if (rows.length(s) > 0) turns.back().ends = true;
  }
  return turns;
}

// [S] What the turns' own rewards leave of each row's reward.
inline Column Outcomes(const Rows& rows, const std::vector<RowTurn>& turns) {
  Column own(rows.reward.size(), 0.0), outcome = rows.reward;
  for (const RowTurn& turn : turns) own[turn.row] += turn.reward;
  for (size_t s = 0; s < own.size(); ++s) outcome[s] -= own[s];
  return outcome;
}

// x_t + gamma x_{t+1} + gamma^2 x_{t+2} + ... over the turns of each row, from turn t on.
inline Column SumOverLaterTurns(const std::vector<RowTurn>& turns, Column x, double gamma) {
  for (size_t i = turns.size(); i-- > 0;) {
    if (!turns[i].ends) x[i] += gamma * x[i + 1];
  }
  return x;
}

// x - mean of its scope, with `std` divided by std + eps (divisor n - 1). Equal values are exactly 0,
// and so is a value that is alone: there is nothing to compare it with.
inline Column Relative(const Grouping& by, const Column& x, bool std, double eps) {
  std::vector<std::vector<size_t>> members(static_cast<size_t>(by.count));
  for (size_t i = 0; i < x.size(); ++i) members[static_cast<size_t>(by.id[i])].push_back(i);
  Column out(x.size(), 0.0), values;
  for (const auto& scope : members) {
    values.clear();
    bool varied = false;
    for (const size_t i : scope) {
      values.push_back(x[i]);
      varied = varied || x[i] != x[scope[0]];
    }
    if (!varied) continue;
    const double mean = MeanOf(values), scale = std ? StdOf(values, 1) + eps : 1;
    for (const size_t i : scope) out[i] = (x[i] - mean) / scale;
  }
  return out;
}

// What belongs together by any key.
template <class Key>
Grouping GroupBy(const std::vector<Key>& keys) {
  std::map<Key, int32_t> ids;
  Grouping by;
  for (const Key& key : keys)
    by.id.push_back(ids.emplace(key, static_cast<int32_t>(ids.size())).first->second);
  by.count = static_cast<int32_t>(ids.size());
  return by;
}

// A value per turn onto its tokens.
inline void SpreadTurns(const std::vector<RowTurn>& turns, const Column& x, Column* tokens) {
  for (size_t i = 0; i < turns.size(); ++i) {
    for (int64_t t = turns[i].first; t < turns[i].last; ++t) (*tokens)[t] = x[i];
  }
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_TURNS_H_
