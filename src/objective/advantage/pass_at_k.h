#ifndef RLVR_OBJECTIVE_ADVANTAGE_PASS_AT_K_H_
#define RLVR_OBJECTIVE_ADVANTAGE_PASS_AT_K_H_
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// Pass@k training, arXiv:2508.10751, its analytical advantage: what group_normalized would give on
// average if the group's N responses were put together in all ways to sets of k, and a set's reward
// were 1 with any right response in it. With N_neg wrong responses and C(n, k) binomial
// coefficients:
//   R = 1 - C(N_neg, k) / C(N, k),   sigma = sqrt(R (1 - R))
//   right: A = (1 - R) / sigma;   wrong: A = (1 - R - C(N_neg - 1, k - 1) / C(N - 1, k - 1)) / sigma
// k = 1 is group_normalized with the population std. sigma 0 (none right, or fewer than k wrong):
// 0, and so are groups of fewer than k responses, which make no set; if all are, k is an error. Right
// is a reward above `threshold`; its size has no part in it.
struct PassAtK {
  static constexpr MethodInfo kInfo{
      "pass_at_k", "2508.10751",
      "right: A_i = (1 - R) / sigma; wrong: (1 - R - C(N_neg - 1, k - 1) / C(N - 1, k - 1)) / "
      "sigma; R = 1 - C(N_neg, k) / C(N, k), sigma^2 = R (1 - R)"};
  int64_t k = 4;
  double threshold = 0;
  template <class Visitor>
  void Params(Visitor& p) {
    p("k", k, int64_t{1}, int64_t{1} << 20);
    p("threshold", threshold, -1e6, 1e6);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    Column adv;
    int64_t largest = 0;
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], N = rows->group_begin[g + 1] - first;
      const auto a = OfGroup(std::span(rows->reward).subspan(first, N));
      adv.insert(adv.end(), a.begin(), a.end());
      largest = std::max(largest, N);
    }
    if (k > largest) {
      throw Error("advantage pass_at_k",
                  fmt::format("the largest group has {} responses and no set of {}", largest, k),
                  "choose k of at most rollout.group_size");
    }
    rows->adv = Spread(*rows, adv);
  }

 private:
  std::vector<double> OfGroup(std::span<const double> r) const {
    const auto N = static_cast<int64_t>(r.size());
    int64_t N_neg = 0;
    for (const double v : r) N_neg += v <= threshold;
    const double R = 1 - Share(N_neg, N, k), sigma = std::sqrt(R * (1 - R));
    if (k > N || !(sigma > 0)) return std::vector<double>(r.size(), 0.0);
    std::vector<double> a;
    for (const double v : r) {
      const double others = v > threshold ? 0 : Share(N_neg - 1, N - 1, k - 1);
      a.push_back((1 - R - others) / sigma);
    }
    return a;
  }
  // C(m, k) / C(n, k)
  static double Share(int64_t m, int64_t n, int64_t k) {
    double share = 1;
    for (int64_t i = 0; i < k; ++i)
      share *= m > i ? static_cast<double>(m - i) / static_cast<double>(n - i) : 0;
    return share;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_PASS_AT_K_H_
