#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_GATE_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_GATE_H_
#include "objective/loss_stage.h"

namespace rlvr {
// EARL, arXiv:2511.12033 (reconstruction: the quantile is not published): only tokens at or above
// the q quantile of their own response's entropies give policy gradient. Unlike forking_tokens it
// weighs with 0: the tokens stay in the denominators, and regularizers (EARL keeps its KL) see all.
struct EntropyGate {
  static constexpr MethodInfo kInfo{"entropy_gate", "2511.12033",
                                    "w_t = [H_t >= quantile_q(H of the scope)]; a reconstruction"};
  double q = 0.8;
  std::string scope = "response";
  template <class Visitor>
  void Params(Visitor& p) {
    p("q", q, 0.0, 1.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column& H = f.entropy.values();
    const Column at = Quantile(TokensBy(ParseScope(scope), f.rows), H, w->mask, q);
    double open = 0, tokens = 0;
    for (size_t t = 0; t < H.size(); ++t) {
      const bool gate = H[t] >= at[t];
      w->weight[t] *= gate;
      open += w->mask[t] * gate;
      tokens += w->mask[t];
    }
    f.metrics->push_back({"token_weight/entropy_gate", open, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_ENTROPY_GATE_H_
