#ifndef RLVR_OBJECTIVE_ADVANTAGE_SPEAR_H_
#define RLVR_OBJECTIVE_ADVANTAGE_SPEAR_H_
#include <algorithm>
#include <cmath>
#include <numbers>

#include "objective/batch_stage.h"

namespace rlvr {
// SPEAR's self-imitation, arXiv:2509.22601, Sec. 3.2: a replayed response counts for what it is
// worth today, against a running baseline, and only if it was and still is better than that.
//   replayed rows:  A_i = gamma(s) (r_i - P50(mean rewards of the last baseline_groups groups))
//                   kept if that is > 0 and the advantage within its own group was; else masked out.
//                   Where that advantage differs by turn (turn_normalized, gigpo), turn by turn
//                   gamma(s) = coefficient (1 - cos(pi s / S)) / 2,  coefficient from step S on
//   sampled rows:   unchanged; their groups' mean rewards join the history after its use
// The advantage within the group is what the methods before this one made (the authors'
// group_centered). gamma goes into the rows' weights, so denominators do not see it. With norm std
// the difference is divided by P50(std of the groups' rewards, divisor n) + eps, as their code can.
// The authors fill a buffer of responses, use all of it once and empty it; here recipes replay some
// groups each step. Their bonus for tool calls is not for text.
struct Spear {
  static constexpr MethodInfo kInfo{
      "spear", "2509.22601",
      "replayed rows: A_i = r_i - P50(running mean rewards of groups) where positive, with weight "
      "(1 - cos(pi s / S)) / 2"};
  int64_t baseline_groups = 10240;
  int64_t S = 200;
  double coefficient = 1;
  std::string norm = "none";
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("baseline_groups", baseline_groups, int64_t{1}, int64_t{1} << 40);
    p("S", S, int64_t{1}, int64_t{1} << 40);
    p("coefficient", coefficient, 0.0, 1e3);
    p("norm", norm, {"none", "std"});
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    std::vector<double>& means = context.state->values["spear/mean"];
    std::vector<double>& stds = context.state->values["spear/std"];
    const double baseline = means.empty() ? 0 : QuantileOf(means, 0.5);
    const double scale = norm == "none" || stds.empty() ? 1 : QuantileOf(stds, 0.5) + eps;
    const double share = std::min(1.0, static_cast<double>(context.step) / static_cast<double>(S));
    const double gamma = coefficient * (1 - std::cos(std::numbers::pi * share)) / 2;
    double replayed = 0, kept = 0;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      std::vector<double> sampled;
      for (int64_t s = first; s < last; ++s) {
        if (!rows->foreign[s]) sampled.push_back(rows->reward[s]);
        if (!rows->replayed[s]) continue;
        const double now = (rows->reward[s] - baseline) / scale;
        const int64_t begin = rows->begin[s], end = rows->begin[s + 1];
        bool any = false;
        for (int64_t t = begin; t < end; ++t) {
          const bool keep = now > 0 && rows->adv[t] > 0;
          rows->adv[t] = keep ? now : 0;
          rows->weight[t] *= gamma;
          if (!keep) rows->mask[t] = 0;
          any = any || keep;
        }
        replayed += 1;
        kept += any;
      }
      if (sampled.empty()) continue;
      means.push_back(MeanOf(sampled));
      stds.push_back(StdOf(sampled, 0));
    }
    const auto size = static_cast<int64_t>(means.size());
    if (size > baseline_groups) {
      means.erase(means.begin(), means.end() - baseline_groups);
      stds.erase(stds.begin(), stds.end() - baseline_groups);
    }
    context.metrics->push_back({"spear/baseline", baseline, 1});
    context.metrics->push_back({"spear/gamma", gamma, 1});
    if (replayed > 0) context.metrics->push_back({"spear/kept", kept, replayed});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_SPEAR_H_
