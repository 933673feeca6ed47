#ifndef RLVR_OBJECTIVE_ADVANTAGE_UCAS_H_
#define RLVR_OBJECTIVE_ADVANTAGE_UCAS_H_
#include <algorithm>
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// Uncertainty-aware advantage shaping, arXiv:2510.10649, as the released code has it, on the
// advantages that the methods before it made. A token's certainty is KL(uniform || p) up to a
// constant, log sum exp z - mean z; C_i is its sum over a response, normalised in the group as
// rewards are.
//   response: A_i' = A_i exp(-beta_positive C_i) for A_i > 0, A_i exp(beta_negative C_i) else
//   token:    A_t = A_i' - logit_penalty z_t;  where A_i' > 0 not below 0
// z_t is the sampled token's logit, scaled to [0, 1] over the batch's counted tokens; .5 if all are
// equal. Unsure right responses and sure wrong ones weigh more, and sure tokens less. A group of one
// keeps A_i: there is nothing to compare C_i with.
struct Ucas {
  static constexpr MethodInfo kInfo{
      "ucas", "2510.10649",
      "A_t = A_i exp(-beta_positive C_i or beta_negative C_i, by the sign of A_i) - logit_penalty "
      "z_t"};
  static constexpr Statistic kCertainty{Statistic::Kind::kLogitMargin};
  static constexpr Statistic kLogit{Statistic::Kind::kLogit};
  double beta_positive = 0.25, beta_negative = 0.35, logit_penalty = 0.05, eps = 1e-6;
  template <class Visitor>
  void Params(Visitor& p) {
    p("beta_positive", beta_positive, 0.0, 100.0);
    p("beta_negative", beta_negative, 0.0, 100.0);
    p("logit_penalty", logit_penalty, 0.0, 100.0);
    p("eps", eps, 0.0, 1.0);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {kCertainty, kLogit}}; }
  void operator()(Rows* rows, const BatchContext&) const {
    const Column all(rows->reward.size(), 1.0);
    const Grouping group = RowsBy(Scope::kGroup, *rows), batch = TokensBy(Scope::kBatch, *rows);
    const Column &certainty = rows->Behaviour(ToString(kCertainty)),
                 &logit = rows->Behaviour(ToString(kLogit));
    Column C = RowSum(*rows, certainty, Column(certainty.size(), 1.0));
    const Column mean = Mean(group, C, all), std = Std(group, C, all, 1);
    for (size_t s = 0; s < C.size(); ++s)
      C[s] = std[s] == 0 ? 0 : (C[s] - mean[s]) / (std[s] + eps);
    C = Spread(*rows, C);
    const Column low = Min(batch, logit, rows->mask), high = Max(batch, logit, rows->mask);
    for (size_t t = 0; t < C.size(); ++t) {
      const double A =
          rows->adv[t] * std::exp(rows->adv[t] > 0 ? -beta_positive * C[t] : beta_negative * C[t]);
      const double z = high[t] > low[t] ? (logit[t] - low[t]) / (high[t] - low[t] + eps) : 0.5;
      const double shaped = A - logit_penalty * z;
      rows->adv[t] = A > 0 ? std::max(shaped, 0.0) : shaped;
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_UCAS_H_
