#ifndef RLVR_OBJECTIVE_ADVANTAGE_GROUP_CENTERED_H_
#define RLVR_OBJECTIVE_ADVANTAGE_GROUP_CENTERED_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Dr. GRPO's advantage, arXiv:2503.20783, Sec. 3.2: A_i = r_i - mean(r), without GRPO's division by
// the std, which weighs easy and hard questions up.
struct GroupCentered {
  static constexpr MethodInfo kInfo{"group_centered", "2503.20783", "A_i = r_i - mean(r)"};
  template <class Visitor>
  void Params(Visitor&) {}
  std::vector<double> Estimate(std::span<const double> r) const {
    double mean = 0;
    for (const double v : r) mean += v / static_cast<double>(r.size());
    bool varied = false;
    for (const double v : r) varied = varied || v != r[0];
    std::vector<double> a;
    for (const double v : r) a.push_back(varied || r.size() == 1 ? v - mean : 0.0);
    return a;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_GROUP_CENTERED_H_
