#ifndef RLVR_OBJECTIVE_ADVANTAGE_HAPO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_HAPO_H_
#include <cmath>

#include "objective/advantage/group_normalized.h"

namespace rlvr {
// HAPO's token-level group average, arXiv:2509.16591: GRPO's advantage, but mean and std are those
// of the group's tokens, each with its response's reward, so that long responses weigh more.
//   A_i = (r_i - mean) / (std + eps),   mean = sum_j n_j r_j / sum_j n_j,   n_j tokens in the loss
// std divides by the number of tokens. Where some |A_i| reaches `limit` the group has GRPO's
// advantages instead. The released code looks for the limit at padding too, where it takes the
// reward for 0; here only at tokens.
struct HapoAdvantage {
  static constexpr MethodInfo kInfo{
      "hapo", "2509.16591", "A_i = (r_i - mean_t(r)) / (std_t(r) + eps), t: the group's tokens"};
  double limit = 5, eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("limit", limit, 0.0, 1e12);
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    Column adv;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const auto a = Group(*rows, rows->group_begin[g], rows->group_begin[g + 1]);
      adv.insert(adv.end(), a.begin(), a.end());
    }
    rows->adv = Spread(*rows, adv);
  }

 private:
  std::vector<double> Group(const Rows& rows, int64_t first, int64_t last) const {
    const auto r = std::span(rows.reward)
                       .subspan(static_cast<size_t>(first), static_cast<size_t>(last - first));
    std::vector<double> tokens;
    double total = 0, mean = 0, variance = 0;
    bool varied = false;
    for (int64_t s = first; s < last; ++s) {
      double n = 0;
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) n += rows.mask[t];
      tokens.push_back(n);
      total += n;
      varied = varied || rows.reward[s] != r[0];
    }
    std::vector<double> a(r.size(), 0.0);
    if (!varied || total == 0) return a;
    for (size_t i = 0; i < r.size(); ++i) mean += tokens[i] * r[i] / total;
    for (size_t i = 0; i < r.size(); ++i)
      variance += tokens[i] * (r[i] - mean) * (r[i] - mean) / total;
    for (size_t i = 0; i < r.size(); ++i) {
      a[i] = (r[i] - mean) / (std::sqrt(variance) + eps);
      if (tokens[i] > 0 && std::abs(a[i]) >= limit) return GroupNormalized{eps}.Estimate(r);
    }
    return a;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_HAPO_H_
