#ifndef RLVR_OBJECTIVE_ADVANTAGE_RISK_PO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_RISK_PO_H_
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "objective/batch_stage.h"

namespace rlvr {
// RiskPO, arXiv:2510.00911: a mixed value-at-risk objective on bundles of questions, so that hard
// questions of which no response is right still count. bundle_size groups make a bundle; its k-th
// paper is the k-th response of each, with the sum S of their rewards. With the quantiles q_d, q_u
// of paper scores at the levels a_d < a_u:
//   RVaR = [max(S - q_d, 0) - max(S - q_u, 0) + q_d - q_u] / (a_u - a_d)   the middle of the range
//   tail = -max(q_d - S, 0) / a_d                                          the worst papers
//   A = (w tail + RVaR) / (w + 1) / std of the bundle's papers
// and what a response of the paper gets of it (credit): std, A divided by the std of its group;
// sum_mean, A times its share (r_i - mean r) / sum over the paper; uniform, A.
// quantiles: tracked, the paper's q <- q + lr_q (level - share of papers below q) after each step,
// begun with the first batch's quantiles; bundle, those of the bundle's own papers. The released
// trainer tracks them but makes its batch anew each step, so that they never arrive: bundle is what
// its results had. natural_baseline: with the q_d - q_u in RVaR (its dapo script leaves it out).
// Here bundles are groups of neighbouring prompts of the data set, whatever their order in the batch;
// the last one may be smaller, and a std of at most 1e-3 counts as 1 for bundles as it does for
// groups. Responses beyond the smallest group of their bundle get 0.
struct RiskPo {
  static constexpr MethodInfo kInfo{"risk_po", "2510.00911",
                                    "of a paper's score S, one response each of a bundle of "
                                    "prompts: (w tail(S) + RVaR(S)) / (w + "
                                    "1) / std"};
  int64_t bundle_size = 5;
  double a_d = 0.2, a_u = 0.9, w = 1.5, lr_q = 0.1, eps = 1e-6;
  std::string quantiles = "bundle", credit = "std";
  bool natural_baseline = true;
  template <class Visitor>
  void Params(Visitor& p) {
    p("bundle_size", bundle_size, int64_t{1}, int64_t{1} << 30);
    p("a_d", a_d, 1e-6, 1.0);
    p("a_u", a_u, 1e-6, 1.0);
    p("w", w, 0.0, 1e6);
    p("lr_q", lr_q, 0.0, 1e6);
    p("eps", eps, 0.0, 1.0);
    p("quantiles", quantiles, {"bundle", "tracked"});
    p("credit", credit, {"std", "sum_mean", "uniform"});
    p("natural_baseline", natural_baseline);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    if (!(a_d < a_u))
      throw Error("advantage risk_po", "a_d is not below a_u", "as in a_d: 0.2, a_u: 0.9");
    std::vector<int64_t> order(static_cast<size_t>(rows->num_groups()));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return std::pair(rows->prompt[a], rows->occurrence[a]) <
             std::pair(rows->prompt[b], rows->occurrence[b]);
    });
    const auto found = context.state->values.find("risk_po/quantiles");
    const bool own = quantiles == "bundle" || found == context.state->values.end();
    Column adv(rows->reward.size(), 0.0), papers;
    for (size_t first = 0; first < order.size(); first += static_cast<size_t>(bundle_size)) {
      const size_t last = std::min(order.size(), first + static_cast<size_t>(bundle_size));
      const std::span bundle = std::span(order).subspan(first, last - first);
      const Column S = Papers(*rows, bundle);
      papers.insert(papers.end(), S.begin(), S.end());
      Credit(*rows, bundle, S, own ? QuantileOf(S, a_d) : found->second[0],
             own ? QuantileOf(S, a_u) : found->second[1], &adv);
    }
    if (quantiles == "tracked") Track(papers, &context.state->values["risk_po/quantiles"]);
    rows->adv = Spread(*rows, adv);
  }

 private:
  static double StdOrOne(std::span<const double> x) {
    const double std = StdOf(x, 1);
    return std > 1e-3 ? std : 1;
  }
  static Column Papers(const Rows& rows, std::span<const int64_t> bundle) {
    int64_t n = rows.num_rows();
    for (const int64_t g : bundle) n = std::min(n, rows.group_begin[g + 1] - rows.group_begin[g]);
    Column S(static_cast<size_t>(n), 0.0);
    for (const int64_t g : bundle) {
      for (int64_t i = 0; i < n; ++i) S[i] += rows.reward[rows.group_begin[g] + i];
    }
    return S;
  }
  void Credit(const Rows& rows, std::span<const int64_t> bundle, const Column& S, double q_d,
              double q_u, Column* adv) const {
    const double std = StdOrOne(S);
    for (size_t i = 0; i < S.size(); ++i) {
      const double RVaR = (std::max(S[i] - q_d, 0.0) - std::max(S[i] - q_u, 0.0) +
                           (natural_baseline ? q_d - q_u : 0)) /
                          (a_u - a_d + eps);
      const double tail = -std::max(q_d - S[i], 0.0) / (a_d + eps);
      const double A = (w * tail + RVaR) / (w + 1) / (std + eps);
      double excess = 0;  // of the paper over its groups' means
      for (const int64_t g : bundle) excess += Excess(rows, g, i);
      for (const int64_t g : bundle) {
        double& a = (*adv)[rows.group_begin[g] + static_cast<int64_t>(i)];
        a = A;
        if (credit == "std") a = A / (StdOrOne(Rewards(rows, g)) + eps);
        if (credit == "sum_mean") {
          a *= std::abs(excess) > 1e-6 ? Excess(rows, g, i) / excess
                                       : 1 / static_cast<double>(bundle.size());
        }
      }
    }
  }
  static std::span<const double> Rewards(const Rows& rows, int64_t g) {
    return std::span(rows.reward)
        .subspan(static_cast<size_t>(rows.group_begin[g]),
                 static_cast<size_t>(rows.group_begin[g + 1] - rows.group_begin[g]));
  }
  static double Excess(const Rows& rows, int64_t g, size_t i) {
    return Rewards(rows, g)[i] - MeanOf(Rewards(rows, g));
  }
  void Track(const Column& papers, std::vector<double>* q) const {
    if (papers.empty()) return;
    const double levels[] = {a_d, a_u};
    const bool begun = !q->empty();
    q->resize(2);
    for (int i = 0; i < 2; ++i) {
      double below = 0;
      for (const double S : papers) below += S < (*q)[i];
      (*q)[i] = begun ? (*q)[i] + lr_q * (levels[i] - below / static_cast<double>(papers.size()))
                      : QuantileOf(papers, levels[i]);
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_RISK_PO_H_
