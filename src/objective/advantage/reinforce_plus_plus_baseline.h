#ifndef RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_BASELINE_H_
#define RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_BASELINE_H_
#include "objective/batch_stage.h"

namespace rlvr {
// REINFORCE++-baseline, arXiv:2501.03262: group_normalized's mean of the group, but the std of the
// whole batch:
//   A_t = (a_i - mean a) / std a,   a_i = r_i - mean(r) of its group; mean and std over all tokens
// Longer responses weigh more in both, so that the batch's mean a need not be 0. A group of one has
// no baseline, as in verl; the std has the divisor n - 1 and 1e-8 is added to the variance.
struct ReinforcePlusPlusBaseline {
  static constexpr MethodInfo kInfo{"reinforce_plus_plus_baseline", "2501.03262",
                                    "A_t = whitened over the batch's tokens: r_i - mean(r)"};
  template <class Visitor>
  void Params(Visitor&) {}
  void operator()(Rows* rows, const BatchContext&) const {
    const Grouping group = RowsBy(Scope::kGroup, *rows);
    const Column all(rows->reward.size(), 1.0);
    const Column mean = Mean(group, rows->reward, all), n = Count(group, all);
    const Column std = Std(group, rows->reward, all, 1);  // exactly 0 for equal rewards
    Column centred = rows->reward;
    for (size_t s = 0; s < centred.size(); ++s)
      centred[s] = n[s] == 1 ? centred[s] : std[s] == 0 ? 0 : centred[s] - mean[s];
    rows->adv = Whiten(TokensBy(Scope::kBatch, *rows), Spread(*rows, centred), rows->mask);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_REINFORCE_PLUS_PLUS_BASELINE_H_
