#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_HAPO_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_HAPO_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// HAPO's token-heterogeneous advantage and clip, arXiv:2509.16591. With u = log max(H, 1e-8) over
// the scope's tokens, c its q quantile (the nearest value), s the root mean square of u - c and
// h = (u - c) / s, h is scaled to hhat = h / max h above 0. Below 0 the text means hhat in [-1, 0];
// the released code divides by min h, which is negative, so hhat is in [0, 1] there too.
//   bounds       hhat branch h <= 0: eps_low (1 - hhat);  h > 0: eps_high (1 + hhat)
//   advantage    A_t (1 + hhat) for h > 0 outside (1 - eps_low,t / 2, 1 + eps_high,t / 2), and for
//                h <= 0 inside of it; else A_t
// eps_low and eps_high are the policy loss's. The code's branches ask for hhat > 0, not h > 0: with
// its scale every token but those at the quantile takes the first branch; `released` does so.
// HAPO's sampling temperature and group average are other stages'.
struct Hapo {
  static constexpr MethodInfo kInfo{
      "hapo", "2509.16591",
      "A_t (1 + hhat_t), eps_low (1 - hhat_t), eps_high (1 + hhat_t); hhat: scaled log entropy"};
  double q = 0.8, eps_low = 0.2, eps_high = 0.2, alpha = 1, beta = 1;
  std::string negative = "released", scope = "batch";
  template <class Visitor>
  void Params(Visitor& p) {
    p("q", q, 0.0, 1.0);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
    p("alpha", alpha, 0.0, 1.0);  // of the clip
    p("beta", beta, 0.0, 10.0);   // of the advantage
    p("negative", negative, {"released", "intended"});
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const Column hhat = Hhat(f, w->mask);
    const size_t T = hhat.size();
    w->low.assign(T, 1 - eps_low);
    w->high.assign(T, 1 + eps_high);
    double moved = 0, tokens = 0;
    for (size_t t = 0; t < T; ++t) {
      const bool high = hhat[t] > 0;
      if (high) {
        w->high[t] = 1 + eps_high * (1 + alpha * hhat[t]);
      } else {
        w->low[t] = 1 - eps_low * (1 - alpha * hhat[t]);
      }
      const double ratio = std::exp(f.logp.values()[t] - f.logp_old.values()[t]);
      const bool inside = ratio > (1 + w->low[t]) / 2 && ratio < (1 + w->high[t]) / 2;
      tokens += w->mask[t];
      if (inside == high) continue;
      w->adv[t] *= 1 + beta * hhat[t];
      moved += w->mask[t];
    }
    f.metrics->push_back({"token_weight/hapo_redistributed", moved, tokens});
  }
  Column Hhat(const TokenFields& f, const Column& mask) const {
    const Grouping by = TokensBy(ParseScope(scope), f.rows);
    Column u = f.entropy.values();
    for (double& x : u) x = std::log(std::max(x, 1e-8));
    const Column c = Reduce(by, u, mask, [&](std::span<const double> v) {
      std::vector<double> sorted(v.begin(), v.end());
      std::sort(sorted.begin(), sorted.end());
      return sorted[static_cast<size_t>(std::nearbyint(q * static_cast<double>(v.size() - 1)))];
    });
    Column squares(u.size());
    for (size_t t = 0; t < u.size(); ++t) {
      u[t] -= c[t];
      squares[t] = u[t] * u[t];
    }
    const Column variance = Mean(by, squares, mask);
    for (size_t t = 0; t < u.size(); ++t) u[t] /= std::sqrt(std::max(variance[t], 1e-8));
    const Column top = Max(by, u, mask), bottom = Min(by, u, mask);
    for (size_t t = 0; t < u.size(); ++t) {
      if (u[t] > 0) {
        u[t] /= std::max(top[t], 1e-8);
      } else {
        u[t] /= std::max(-bottom[t], 1e-8) * (negative == "released" ? -1 : 1);
      }
    }
    return u;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_HAPO_H_
