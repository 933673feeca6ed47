#ifndef RLVR_OBJECTIVE_POLICY_LOSS_RL_PLUS_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_RL_PLUS_H_
#include <cmath>

#include "objective/policy_loss/clipped_surrogate.h"
#include "objective/policy_loss/foreign.h"

namespace rlvr {
// RL-PLUS, arXiv:2508.00222: foreign rows by multiple importance sampling, weighted towards what
// the policy would not have said. sg stops the gradient.
//   foreign rows:  J_t = 2 p_t / (p_old_t + omega_t) A_t (1 - sg(p_t))^gamma
//                  omega_t = (p_old_t + 1) / 2: the unknown expert, halfway between policy and
//                  certain
//   sampled rows:  J_t = min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t)
// p_old_t is what this policy gave the token before the step's updates: a forward pass of the
// batch. The released script clips nothing (the defaults) and divides by the fixed response length:
// aggregate token_sum_norm. Differs from LUFFY in the two factors of foreign rows.
struct RlPlus {
  static constexpr MethodInfo kInfo{
      "rl_plus", "2508.00222",
      "foreign rows: J_t = 2 p_t / (p_old_t + omega_t) A_t (1 - sg(p_t))^gamma, omega_t = (p_old_t "
      "+ "
      "1) / 2; others: min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t)"};
  double gamma = 0.5;
  double eps_low = 1;
  double eps_high = kInfinity;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 100.0);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, kInfinity);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {Statistic::kLogp}}; }
  double low() const { return 1 - eps_low; }
  double high() const { return 1 + eps_high; }
  Field operator()(const TokenFields& f) const {
    const auto& logp_old = f.rows.Behaviour(ToString(Statistic::kLogp));
    std::vector<double> factor;  // everything but p_t and A_t
    for (size_t t = 0; t < logp_old.size(); ++t) {
      const double p_old = std::exp(logp_old[t]), omega = 0.5 * (p_old + 1);
      const double distance = std::max(0.0, 1 - std::exp(f.logp.values()[t]));
      factor.push_back(2 / (p_old + omega) * std::pow(distance, gamma));
    }
    return Where(ForeignTokens(f.rows), Exp(f.logp) * f.adv * f.Constant(std::move(factor)),
                 ClippedSurrogate(f, low(), high(), kNoDualClip));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_RL_PLUS_H_
