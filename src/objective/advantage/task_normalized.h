#ifndef RLVR_OBJECTIVE_ADVANTAGE_TASK_NORMALIZED_H_
#define RLVR_OBJECTIVE_ADVANTAGE_TASK_NORMALIZED_H_
#include "objective/batch_stage.h"

namespace rlvr {
// QwenLong-L1.5's task-specific advantage, arXiv:2512.12967: group_normalized with the std of all
// rewards of the task (data_source) in the batch instead of the group's.
//   A_i = (r_i - mean(r)) / (std_task(r) + eps),  std with divisor n - 1
// std_of family: tasks as data.group_key names them. std_of batch is Lite PPO's, arXiv:2508.08221:
// all rewards of the batch, whatever their task.
// A group of one has no baseline, as in its code; a task of one reward alone has std 0, where the code
// divides by eps: here A_i = 0.
struct TaskNormalized {
  static constexpr MethodInfo kInfo{"task_normalized", "2512.12967",
                                    "A_i = (r_i - mean(r)) / (std_task + eps), std_task over all "
                                    "rewards of the task (or family, or all) in the batch"};
  double eps = 1e-6;
  std::string std_of = "task";
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps", eps, 0.0, 1.0);
    p("std_of", std_of, {"task", "family", "batch"});
  }
  void operator()(Rows* rows, const BatchContext&) const {
    const Column all(rows->reward.size(), 1.0);
    const Grouping group = RowsBy(Scope::kGroup, *rows), task = RowsBy(ParseScope(std_of), *rows);
    const Column mean = Mean(group, rows->reward, all), n = Count(group, all);
    const Column group_std = Std(group, rows->reward, all, 1),
                 std = Std(task, rows->reward, all, 1);
    Column adv = rows->reward;
    for (size_t s = 0; s < adv.size(); ++s) {
      const bool alike = n[s] > 1 && group_std[s] == 0;
      adv[s] = alike || std[s] == 0 ? 0 : (adv[s] - (n[s] > 1 ? mean[s] : 0)) / (std[s] + eps);
    }
    rows->adv = Spread(*rows, adv);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_TASK_NORMALIZED_H_
