#ifndef RLVR_OBJECTIVE_ADVANTAGE_GROUP_SAMPLED_H_
#define RLVR_OBJECTIVE_ADVANTAGE_GROUP_SAMPLED_H_
#include "objective/batch_stage.h"

namespace rlvr {
// GRPO's advantage with an expert beside the group and not in it, as CalibRL (arXiv:2602.20197)
// and the split estimator of LUFFY's code have it: mean and std of the responses that the policy
// sampled; the expert's response is held against them.
//   A_i = (r_i - mean_sampled) / (std_sampled + eps),  std with divisor n - 1, 1 where it is 0
// norm none: no division. One sampled response has mean 0 and std 1. A replayed group has no
// response of this step; all of its responses count.
struct GroupSampled {
  static constexpr MethodInfo kInfo{"group_sampled", "2602.20197",
                                    "A_i = (r_i - mean(r)) / (std(r) + eps), mean and std of the "
                                    "sampled responses, not the expert's"};
  std::string norm = "std";
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("norm", norm, {"std", "none"});
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    Column adv;  // [S]
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      std::vector<double> sampled;
      for (int64_t s = first; s < last; ++s) {
        if (!rows->foreign[s]) sampled.push_back(rows->reward[s]);
      }
      if (sampled.empty())
        sampled.assign(rows->reward.begin() + first, rows->reward.begin() + last);
      // Equal rewards are equal exactly: rounding in the mean must not look like variety.
      bool varied = false;
      for (const double r : sampled) varied = varied || r != sampled[0];
      const double mean = sampled.size() == 1 ? 0 : varied ? MeanOf(sampled) : sampled[0];
      const double std = norm == "std" ? (varied ? StdOf(sampled, 1) : 1) + eps : 1;
      for (int64_t s = first; s < last; ++s) adv.push_back((rows->reward[s] - mean) / std);
    }
    rows->adv = Spread(*rows, adv);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_GROUP_SAMPLED_H_
