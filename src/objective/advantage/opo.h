#ifndef RLVR_OBJECTIVE_ADVANTAGE_OPO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_OPO_H_
#include "objective/batch_stage.h"

namespace rlvr {
// OPO's optimal reward baseline, arXiv:2505.23585, Sec. 3: the baseline of least gradient variance,
// where the squared norm of a response's gradient is taken to grow with its length.
//   A_i = r_i - b,   b = sum_j |y_j| r_j / sum_j |y_j|
// For strictly on-policy training: one update a rollout. |y_j| counts masked tokens too. A group of
// one has no baseline, as in verl.
struct Opo {
  static constexpr MethodInfo kInfo{"opo", "2505.23585", "A_i = r_i - sum_j L_j r_j / sum_j L_j"};
  template <class Visitor>
  void Params(Visitor&) {}
  void operator()(Rows* rows, const BatchContext&) const {
    Column adv = rows->reward;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      if (last - first == 1) continue;
      const auto r = std::span(rows->reward).subspan(first, last - first);
      const bool varied = MaxOf(r) > MinOf(r);
      double weighted = 0, tokens = 0;
      for (int64_t s = first; s < last; ++s) {
        weighted += static_cast<double>(rows->length(s)) * rows->reward[s];
        tokens += static_cast<double>(rows->length(s));
      }
      for (int64_t s = first; s < last; ++s) adv[s] = varied ? adv[s] - weighted / tokens : 0;
    }
    rows->adv = Spread(*rows, adv);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_OPO_H_
