#ifndef RLVR_OBJECTIVE_ADVANTAGE_PERPLEXITY_SHAPING_H_
#define RLVR_OBJECTIVE_ADVANTAGE_PERPLEXITY_SHAPING_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Perplexity-based shaping of the entropy-performance exchange, arXiv:2508.02260, on the advantages
// that the methods before it made: in the plateau stage, fluent responses weigh more.
//   A_i' = A_i (1 - alpha w_i),  w_i = (log PPL_i - mean log PPL) / std log PPL,
//   log PPL_i = -mean_t logp_old_t,  mean and std (divisor n - 1) over the batch's responses
// A reconstruction: the idea is confirmed, the scope of mean and std and alpha are not. A std of 0
// leaves A_i. Rows without a counted token are not seen.
struct PerplexityShaping {
  static constexpr MethodInfo kInfo{
      "perplexity_shaping", "2508.02260",
      "A_i (1 - alpha w_i), w_i the standardised log perplexity of response i; a reconstruction"};
  double alpha = 0.01;
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha", alpha, 0.0, 1e3);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    Column log_ppl = RowMean(*rows, rows->logp_old, rows->mask);
    for (double& x : log_ppl) x = -x;
    const Column counted = RowSum(*rows, rows->mask, rows->mask);
    const Grouping batch = RowsBy(Scope::kBatch, *rows);
    const Column mean = Mean(batch, log_ppl, counted), std = Std(batch, log_ppl, counted, 1);
    Column factor;
    for (size_t s = 0; s < log_ppl.size(); ++s)
      factor.push_back(std[s] == 0 ? 1 : 1 - alpha * (log_ppl[s] - mean[s]) / std[s]);
    factor = Spread(*rows, factor);
    for (size_t t = 0; t < factor.size(); ++t) rows->adv[t] *= factor[t];
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_PERPLEXITY_SHAPING_H_
