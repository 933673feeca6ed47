#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_STEER_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_STEER_H_
#include <algorithm>
#include <cmath>

#include "objective/loss_stage.h"

namespace rlvr {
// STEER, arXiv:2510.10150: tokens that would change the entropy most weigh least.
//   Omega_t = |A_t / p_old,t * p_t (1 - p_t) (log p_t + H_t)|,  p_t = exp(logp_t)
//   exponential  w_t = clip(exp(-k Omega_t), w_min, 1),  k = -log w_min / max(max Omega, 0.02)
//   linear       w_t = w_max - (Omega_t - min) (w_max - w_min) / (max - min); middle if all equal
// No gradient flows through w. Maximum and minimum are over the scope; the authors' code takes the
// micro-batch. p and p_old are kept in [1e-8, 1 - 1e-8] and [1e-8, 1], as there.
struct Steer {
  static constexpr MethodInfo kInfo{
      "steer", "2510.10150",
      "w_t = exp(-k |A_t / p_old,t p_t (1 - p_t) (log p_t + H_t)|) >= w_min"};
  std::string map = "exponential", scope = "batch";
  double w_min = 0.8, w_max = 1.2;  // w_max: of the linear map only
  template <class Visitor>
  void Params(Visitor& p) {
    p("map", map, {"exponential", "linear"});
    p("w_min", w_min, 1e-6, 1.0);
    p("w_max", w_max, 0.0, 10.0);
    p("scope", scope, {"response", "group", "task", "batch"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    const size_t T = w->mask.size();
    Column omega(T);
    for (size_t t = 0; t < T; ++t) {
      const double p = std::clamp(std::exp(f.logp.values()[t]), 1e-8, 1 - 1e-8);
      const double p_old = std::clamp(std::exp(f.logp_old.values()[t]), 1e-8, 1.0);
      const double change = p * (1 - p) * (std::log(p) + f.entropy.values()[t]);
      omega[t] = std::abs(w->adv[t] / p_old * change);
    }
    const Grouping by = TokensBy(ParseScope(scope), f.rows);
    const Column top = Max(by, omega, w->mask), bottom = Min(by, omega, w->mask);
    double sum = 0, tokens = 0;
    for (size_t t = 0; t < T; ++t) {
      double weight = (w_min + w_max) / 2;
      if (map == "exponential") {
        weight =
            std::clamp(std::exp(std::log(w_min) / std::max(top[t], 0.02) * omega[t]), w_min, 1.0);
      } else if (top[t] > bottom[t]) {
        weight = w_max - (omega[t] - bottom[t]) * (w_max - w_min) / (top[t] - bottom[t]);
      }
      w->weight[t] *= weight;
      sum += w->mask[t] * weight;
      tokens += w->mask[t];
    }
    f.metrics->push_back({"token_weight/steer", sum, tokens});
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_STEER_H_
