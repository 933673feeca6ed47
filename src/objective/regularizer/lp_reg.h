#ifndef RLVR_OBJECTIVE_REGULARIZER_LP_REG_H_
#define RLVR_OBJECTIVE_REGULARIZER_LP_REG_H_
#include "objective/token_weight/covariance.h"

namespace rlvr {
// Low-probability regularization, arXiv:2510.03222, Eq. 5 to 8. The proxy q is the policy that
// sampled, its tokens below kappa times the largest probability removed, renormalised. Of the
// unmasked tokens with A_t < 0, those among the share rho with the lowest logp_t that the proxy
// gives more than the policy, logp_t < log q_t, are held to it:
//   J_t -= beta k3(logp_t - log q_t),  k3(d) = min(exp(-d) + d - 1, 10)
// A removed token has log q_t = -10^4 and is never held. As in the authors' code the share counts
// max(1, floor(rho n)) tokens and nothing is held where that is 1; 10 caps k3, and above it there is
// no gradient. The code takes r_t A_t unclipped for held tokens; with its bounds (eps_low 1: none
// where A_t < 0) that is the policy loss's own term. Its scope is the micro-batch.
struct LpReg {
  static constexpr MethodInfo kInfo{
      "lp_reg", "2510.03222",
      "J_t -= beta k3(logp_t - log q_t) where A_t < 0, logp_t is among the lowest share rho and "
      "below log q_t of the min-p filtered policy that sampled"};
  static constexpr const char* kMetric = "actor/lp_reg_loss";
  static constexpr bool kWholeBatch = true;
  double kappa = 0.02, rho = 0.01, beta = 1;
  std::string scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("kappa", kappa, 0.0, 1.0);
    p("rho", rho, 0.0, 1.0);
    p("beta", beta, 0.0, 1000.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  Statistic Proxy() const { return {Statistic::Kind::kFilteredLogp, static_cast<float>(kappa)}; }
  Needs needs() const { return {.statistics = {}, .behaviour = {Proxy()}}; }
  double coefficient() const { return -beta; }
  Field operator()(const TokenFields& f) const {
    const Column &q = f.rows.Behaviour(ToString(Proxy())), &logp = f.logp.values();
    const size_t T = q.size();
    Column negative(T), rareness(T);
    for (size_t t = 0; t < T; ++t) {
      negative[t] = f.mask[t] != 0 && f.adv.values()[t] < 0;
      rareness[t] = -logp[t];
    }
    const Column rare =
        TopMask(TokensBy(ParseScope(scope), f.rows), rareness, negative, f.rows, [&](int64_t n) {
          const int64_t k = n > 0 ? ShareOf(rho, n) : 0;
          return k > 1 ? k : 0;
        });
    std::vector<char> held(T);
    double tokens = 0, all = 0;
    for (size_t t = 0; t < T; ++t) {
      held[t] = rare[t] != 0 && logp[t] < q[t];
      tokens += held[t];
      all += f.mask[t];
    }
    f.metrics->push_back({"actor/lp_reg_tokens", tokens, all});
    const Field d = f.logp - Where(held, f.Constant(q), f.logp);  // 0 elsewhere: no overflow
    return Where(held, Min(Exp(-d) + d - 1, f.Constant({10})), f.Constant({0}));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REGULARIZER_LP_REG_H_
