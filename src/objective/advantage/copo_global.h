#ifndef RLVR_OBJECTIVE_ADVANTAGE_COPO_GLOBAL_H_
#define RLVR_OBJECTIVE_ADVANTAGE_COPO_GLOBAL_H_
#include <cmath>
#include <map>
#include <span>

#include "objective/batch_stage.h"

namespace rlvr {
// Entropy in bits of the answers of rows [first, last). No answer found counts as one answer.
inline double AnswerEntropy(const Rows& rows, int64_t first, int64_t last) {
  std::map<int32_t, double> count;
  for (int64_t s = first; s < last; ++s) count[rows.answer[s]] += 1;
  const auto n = static_cast<double>(last - first);
  std::vector<double> terms;
  for (const auto& [answer, c] : count) terms.push_back(-c / n * std::log2(c / n));
  return std::abs(OrderFreeSum(terms));
}

// COPO's second advantage, arXiv:2508.04138: a prompt against the other prompts of the batch, which
// says something where all responses of a group are alike.
//   g_q = mean reward of q's group;   with consistency: g_q (1 - lambda E_q),
//   lambda = (1 - 1 / G) / log2 G,    E_q the entropy of its answers in bits
//   A_global = (g_q - mean_q g) / (std_q g + eps),  std with divisor n - 1; one prompt: 0
// Leaves adv as the methods before it made it (the local advantage); policy_loss copo blends the
// two. The authors' final script has consistency off.
struct CopoGlobal {
  static constexpr MethodInfo kInfo{"copo_global", "2508.04138",
                                    "beside adv: A_global = (g - mean(g)) / (std(g) + eps) over "
                                    "prompts, g = mean reward of a group"};
  static constexpr const char* kColumn = "copo_global";
  bool consistency = false;
  double eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("consistency", consistency);
    p("eps", eps, 0.0, 1.0);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    std::vector<double> g;
    for (int64_t i = 0; i < rows->num_groups(); ++i) {
      const int64_t first = rows->group_begin[i], last = rows->group_begin[i + 1];
      const auto n = static_cast<double>(last - first);
      double reward = MeanOf(std::span(rows->reward).subspan(first, last - first));
      if (consistency && last - first > 1)
        reward *= 1 - (1 - 1 / n) / std::log2(n) * AnswerEntropy(*rows, first, last);
      g.push_back(reward);
    }
    const double mean = MeanOf(g), std = StdOf(g, 1);
    std::vector<double> adv;  // [S]
    for (int64_t i = 0; i < rows->num_groups(); ++i) {
      adv.insert(adv.end(), static_cast<size_t>(rows->group_begin[i + 1] - rows->group_begin[i]),
                 std == 0 ? 0 : (g[i] - mean) / (std + eps));
    }
    rows->more[kColumn] = Spread(*rows, adv);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_COPO_GLOBAL_H_
