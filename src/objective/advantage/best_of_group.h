#ifndef RLVR_OBJECTIVE_ADVANTAGE_BEST_OF_GROUP_H_
#define RLVR_OBJECTIVE_ADVANTAGE_BEST_OF_GROUP_H_
#include <algorithm>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// Pass@k as an inference-time objective, arXiv:2503.19595, for k = G: what a response adds to the
// best of its group. Only the best adds anything, as much as it is above the second best:
//   A_i = (r_(1) - r_(2)) / (std(r) + eps) for the best response, 0 for all others
// Division by the std (divisor G - 1) is verl's default (grpo_passk). Two best ones: 0 for all. The
// formula needs two responses; a group of one is an error.
struct BestOfGroup {
  static constexpr MethodInfo kInfo{
      "best_of_group", "2503.19595",
      "best response: A_i = (r_i - second best r) / (std(r) + eps); others 0"};
  bool divide_by_std = true;
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("divide_by_std", divide_by_std);
    p("eps", eps, 0.0, 1.0);
  }
  std::vector<double> Estimate(std::span<const double> r) const {
    if (r.size() < 2) {
      throw Error("advantage best_of_group", "a group of one has no second best",
                  "set rollout.group_size to 2 or more");
    }
    const auto best = std::max_element(r.begin(), r.end());
    double second = -INFINITY;
    for (auto i = r.begin(); i != r.end(); ++i) {
      if (i != best) second = std::max(second, *i);
    }
    std::vector<double> a(r.size(), 0.0);
    if (*best > second)
      a[best - r.begin()] = (*best - second) / (divide_by_std ? StdOf(r, 1) + eps : 1);
    return a;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_BEST_OF_GROUP_H_
