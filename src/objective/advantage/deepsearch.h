#ifndef RLVR_OBJECTIVE_ADVANTAGE_DEEPSEARCH_H_
#define RLVR_OBJECTIVE_ADVANTAGE_DEEPSEARCH_H_
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// DeepSearch, arXiv:2509.25454: the values that tree search backed up (rollout.strategy tree) become
// the advantages of its steps. With v_k the value of step k of K of a response, R its reward and
// p = R - score (overlong punishment and other shaping),
//   s_k = q_max tanh(v_k / temperature) + p  for k < K,   s_K = R
//   A_t = s_k(t) - mean(R)   or, with std, that over (std(R) + eps),   mean and std of the group
// A step's tokens have one advantage per trajectory: siblings share tokens, not advantages. The
// mean is taken over trajectories alone; std divides by n. A group of one keeps A = s. The released
// script's std is off. The code's s_K is the leaf's value plus p, which is R where reward.correct
// and wrong are 1 and -1.
struct DeepSearch {
  static constexpr MethodInfo kInfo{
      "deepsearch", "2509.25454",
      "A_t = q_max tanh(v_step / temperature) + R - score - mean(R); the last step: R - mean(R)"};
  double temperature = 1, q_max = 1, eps = 1e-6;
  bool divide_std = false;
  template <class Visitor>
  void Params(Visitor& p) {
    p("temperature", temperature, 1e-6, 1e6);
    p("q_max", q_max, 0.0, 1e6);
    p("std", divide_std);
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      const auto n = static_cast<double>(last - first);
      double mean = 0, variance = 0;
      for (int64_t s = first; s < last; ++s) mean += rows->reward[s] / n;
      for (int64_t s = first; s < last; ++s)
        variance += (rows->reward[s] - mean) * (rows->reward[s] - mean) / n;
      double scale = divide_std ? std::sqrt(variance) + eps : 1;
      if (n == 1) mean = 0, scale = 1;
      for (int64_t s = first; s < last; ++s) {
        const double shaping = rows->reward[s] - rows->score[s];
        const int64_t end = rows->begin[s + 1];
        for (int64_t t = rows->begin[s]; t < end; ++t) {
          const double score = rows->step[t] == rows->step[end - 1]
                                   ? rows->reward[s]
                                   : q_max * std::tanh(rows->step_value[t] / temperature) + shaping;
          rows->adv[t] = (score - mean) / scale;
        }
      }
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_DEEPSEARCH_H_
