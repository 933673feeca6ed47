#ifndef RLVR_OBJECTIVE_ADVANTAGE_GROUP_NORMALIZED_H_
#define RLVR_OBJECTIVE_ADVANTAGE_GROUP_NORMALIZED_H_
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// GRPO's advantage, arXiv:2402.03300, Sec. 4.1.2: A_i = (r_i - mean(r)) / (std(r) + eps). The paper
// does not say which std; verl and TRL take the sample's (divisor G - 1) and eps 1e-6, the default
// here. A group of one has mean 0 and std 1.
struct GroupNormalized {
  static constexpr MethodInfo kInfo{"group_normalized", "2402.03300",
                                    "A_i = (r_i - mean(r)) / (std(r) + eps)"};
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("eps", eps, 0.0, 1.0);
  }
  std::vector<double> Estimate(std::span<const double> r) const {
    const auto n = static_cast<double>(r.size());
    if (r.size() == 1) return {r[0] / (1 + eps)};
    double mean = 0, squares = 0;
    for (const double v : r) mean += v / n;
    for (const double v : r) squares += (v - mean) * (v - mean);
    // Equal rewards are equal exactly: rounding in the mean must not look like variety.
    bool varied = false;
    for (const double v : r) varied = varied || v != r[0];
    const double std = std::sqrt(squares / (n - 1));
    std::vector<double> a;
    for (const double v : r) a.push_back(varied ? (v - mean) / (std + eps) : 0.0);
    return a;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_GROUP_NORMALIZED_H_
