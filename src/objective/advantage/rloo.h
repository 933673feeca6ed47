#ifndef RLVR_OBJECTIVE_ADVANTAGE_RLOO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_RLOO_H_
#include "objective/batch_stage.h"

namespace rlvr {
// REINFORCE leave-one-out, arXiv:2402.14740, Sec. 3.2: the baseline of a response is the mean reward
// of the group's others.
//   A_i = r_i - 1 / (G - 1) sum_{j != i} r_j = G / (G - 1) (r_i - mean(r))
// It differs from group_centered in the factor G / (G - 1), which makes the baseline independent of
// the response. A group of one has no others: `single` says whether its advantage is its reward (no
// baseline, verl's rloo) or 0 (verl's rloo_vectorized); the paper needs two.
struct Rloo {
  static constexpr MethodInfo kInfo{"rloo", "2402.14740",
                                    "A_i = r_i - 1 / (G - 1) sum_{j != i} r_j"};
  std::string single = "reward";
  template <class Visitor>
  void Params(Visitor& p) {
    p("single", single, {"reward", "zero"});
  }
  std::vector<double> Estimate(std::span<const double> r) const {
    const auto G = static_cast<double>(r.size());
    if (r.size() == 1) return {single == "reward" ? r[0] : 0.0};
    const double mean = MeanOf(r);
    // Equal rewards are equal exactly: rounding in the mean must not look like variety.
    const bool varied = MaxOf(r) > MinOf(r);
    std::vector<double> a;
    for (const double v : r) a.push_back(varied ? G / (G - 1) * (v - mean) : 0.0);
    return a;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_RLOO_H_
