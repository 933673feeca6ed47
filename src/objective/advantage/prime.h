#ifndef RLVR_OBJECTIVE_ADVANTAGE_PRIME_H_
#define RLVR_OBJECTIVE_ADVANTAGE_PRIME_H_
#include <algorithm>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// PRIME, arXiv:2502.01456, Eq. 5: a leave-one-out baseline (RLOO) apart for the process rewards
// r_phi of an implicit process reward model (Rows::token_reward) and for the outcome r_o
// (Rows::reward), over the K responses of a group:
//   A_t^i = w_p sum_{s >= t} gamma^{s-t} [r_phi(y_s^i) - 1/(K-1) sum_{j != i} mean_s r_phi(y_s^j)]
//         + w_o [r_o(y^i) - 1/(K-1) sum_{j != i} r_o(y^j)]
// then whitened over the batch. The authors' code differs, and made their results:
//   baseline    code: r_s K/(K-1) - 1/(K-1) sum_j mean_s r_phi(y_s^j), which is the paper's plus
//               (r_s - mean_s r_phi(y_s^i)) / (K-1); paper: as above
//   norm        batch_norm: process rewards are first divided by the largest |sum_{s >= t} r_phi|
//               of the batch + 1e-6, so that beta cancels; none: as they are
//   last_token  true: the last token has its process reward too (their repository); false: it is 0
//               (verl's later recipe)
// A group of one has no others: its baselines are 0. Means and baselines see masked tokens too.
struct Prime {
  static constexpr MethodInfo kInfo{
      "prime", "2502.01456",
      "A_t = w_p sum_s gamma^(s-t) (r_phi,s - leave-one-out mean) + w_o RLOO(r_o), whitened"};
  double gamma = 1, process_weight = 1, outcome_weight = 1;
  std::string baseline = "code", norm = "batch_norm";
  bool last_token = true, whiten = true;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1.0);
    p("process_weight", process_weight, 0.0, 1e6);
    p("outcome_weight", outcome_weight, 0.0, 1e6);
    p("baseline", baseline, {"code", "paper"});
    p("norm", norm, {"batch_norm", "none"});
    p("last_token", last_token);
    p("whiten", whiten);
  }
  Needs needs() const {
    Needs needs;
    needs.process_reward = true;
    return needs;
  }
  void operator()(Rows* rows, const BatchContext&) const {
    const Column r = ProcessRewards(*rows);
    for (int64_t g = 0; g < rows->num_groups(); ++g) {
      const int64_t first = rows->group_begin[g], last = rows->group_begin[g + 1];
      const auto K = static_cast<double>(last - first);
      std::vector<double> mean;  // of each response's process rewards
      double means = 0, outcomes = 0;
      for (int64_t i = first; i < last; ++i) {
        double sum = 0;
        for (int64_t t = rows->begin[i]; t < rows->begin[i + 1]; ++t) sum += r[t];
        mean.push_back(rows->length(i) > 0 ? sum / static_cast<double>(rows->length(i)) : 0);
        means += mean.back();
        outcomes += rows->reward[i];
      }
      for (int64_t i = first; i < last; ++i) {
        const double own = mean[i - first], others = K > 1 ? (means - own) / (K - 1) : 0;
        const double outcome = rows->reward[i];
        const double A_o = outcome - (K > 1 ? (outcomes - outcome) / (K - 1) : 0);
        double A_p = 0;
        for (int64_t t = rows->begin[i + 1] - 1; t >= rows->begin[i]; --t) {
          const double extra = baseline == "code" && K > 1 ? (r[t] - own) / (K - 1) : 0;
          A_p = r[t] - others + extra + gamma * A_p;
          rows->adv[t] = process_weight * A_p + outcome_weight * A_o;
        }
      }
    }
    if (whiten) rows->adv = Whiten(TokensBy(Scope::kBatch, *rows), rows->adv, rows->mask);
  }

 private:
  Column ProcessRewards(const Rows& rows) const {
    Column r = rows.token_reward;
    double largest = 0;
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      if (!last_token && rows.length(i) > 0) r[rows.begin[i + 1] - 1] = 0;
      double sum = 0;
      for (int64_t t = rows.begin[i + 1] - 1; t >= rows.begin[i]; --t) {
        sum += r[t];
        largest = std::max(largest, std::abs(sum));
      }
    }
    if (norm == "batch_norm") {
      for (double& x : r) x /= largest + 1e-6;
    }
    return r;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_PRIME_H_
