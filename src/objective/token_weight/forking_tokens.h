#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_FORKING_TOKENS_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_FORKING_TOKENS_H_
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// Beyond the 80/20 rule, arXiv:2506.01939, Eq. 5: only the share rho of a batch's tokens with the
// highest entropy stays in the loss and in its denominator. The authors' code takes the top
// ceil(rho n) of whatever reaches the loss, so its result depends on the micro-batch; here the
// scope is named.
struct ForkingTokens {
  static constexpr MethodInfo kInfo{"forking_tokens", "2506.01939",
                                    "keep the top rho of a scope's tokens by entropy H_t"};
  double rho = 0.2;
  std::string scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("rho", rho, 0.0, 1.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column top = TopMask(
        TokensBy(ParseScope(scope), f.rows), f.entropy.values(), w->mask, f.rows, [&](int64_t n) {
          // 0.2 * 5 must be 1, not 1 plus a rounding error: 2.
          return static_cast<int64_t>(std::ceil(rho * static_cast<double>(n) - 1e-9));
        });
    double kept = 0, tokens = 0;
    for (size_t t = 0; t < top.size(); ++t) {
      kept += top[t];
      tokens += w->mask[t];
      w->mask[t] *= top[t];
    }
    f.metrics->push_back({"token_weight/kept", kept, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_FORKING_TOKENS_H_
