#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_REJECTION_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_REJECTION_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// Rejection of what the policy would hardly say any more, verl's rollout correction: tokens, or
// whole responses, leave loss and denominators where an estimate of the divergence between the
// policy at the start of the step (logp_prox) and the one that sampled (logp_old) leaves its
// bounds.
//   d_t = logp_prox_t - logp_old_t, held within +-20
//   kind k1: -d   k2: d^2 / 2   k3: exp(d) - 1 - d
//   level token: of the token; seq_sum, seq_mean, seq_max: over the response's unmasked tokens
//   kept: log low <= k1 <= log high;  k2, k3 <= high (low is not read)
// truncated_is weighs what is kept. On rows that this policy sampled in this step d is 0 and
// nothing is rejected; an expert's rows have no logp_old, so this is for replayed ones.
struct Rejection {
  static constexpr MethodInfo kInfo{
      "rejection", "2110.00641",
      "mask tokens or responses whose k(logp_prox - logp_old) is out of bounds"};
  std::string level = "token";
  std::string kind = "k1";
  double low = 0.5;
  double high = 2;
  template <class Visitor>
  void Params(Visitor& p) {
    p("level", level, {"token", "seq_sum", "seq_mean", "seq_max"});
    p("kind", kind, {"k1", "k2", "k3"});
    p("low", low, 0.0, 1e9);
    p("high", high, 0.0, 1e9);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {Statistic::kLogp}}; }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    if (level == "seq_max" && kind == "k1")
      throw Error("token_weight rejection", "there is no level seq_max of k1, which has a sign",
                  "choose kind k2 or k3");
    const Column& prox = f.rows.Behaviour(ToString(Statistic::kLogp));
    const Column& old = f.logp_old.values();
    double rejected = 0, tokens = 0;
    for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
      const int64_t first = f.rows.begin[s], last = f.rows.begin[s + 1];
      double sum = 0, max = 0, n = 0;
      for (int64_t t = first; t < last; ++t) {
        if (w->mask[t] == 0) continue;
        const double k = Estimate(prox[t] - old[t]);
        sum += k;
        max = std::max(max, k);
        n += 1;
      }
      const double of_row = level == "seq_mean"  ? sum / std::max(n, 1.0)
                            : level == "seq_max" ? max
                                                 : sum;
      for (int64_t t = first; t < last; ++t) {
        if (w->mask[t] == 0) continue;
        tokens += 1;
        if (Kept(level == "token" ? Estimate(prox[t] - old[t]) : of_row)) continue;
        w->mask[t] = 0;
        rejected += 1;
      }
    }
    f.metrics->push_back({"token_weight/rejected", rejected, tokens});
  }

 private:
  double Estimate(double d) const {
    d = std::clamp(d, -20.0, 20.0);
    return kind == "k1" ? -d : kind == "k2" ? d * d / 2 : std::exp(d) - 1 - d;
  }
  bool Kept(double k) const {
    return kind == "k1" ? std::log(low) <= k && k <= std::log(high) : k <= high;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_REJECTION_H_
