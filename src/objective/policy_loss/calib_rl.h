#ifndef RLVR_OBJECTIVE_POLICY_LOSS_CALIB_RL_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_CALIB_RL_H_
#include <cmath>

#include "objective/policy_loss/clipped_surrogate.h"

namespace rlvr {
// CalibRL, arXiv:2602.20197: an expert's response does not train, it calibrates: sampled responses
// are held against how likely the policy found the expert's tokens.
//   sampled rows:  J_t = clipped surrogate - lambda |A_t| LeakyReLU(u_t)
//                  u_t = -(2 c - 1) (logp_t - logp_expert_t),  c = 1 if the response is right, else
//                  0
//   foreign rows:  0
// LeakyReLU(u) = u above 0, slope u below. logp_expert_t is the log-prob, before the step's
// updates, of the token at the same position t of the group's first foreign row, whatever its text.
// Behind its end the authors' padding gives 0 (beyond_expert zero); none: no guided term there. A
// group without a foreign row has, in their code, 0 at every position: the same rule. Foreign rows
// count in token_mean's denominator unless a mask takes them out; the authors leave them out.
struct CalibRl {
  static constexpr MethodInfo kInfo{
      "calib_rl", "2602.20197",
      "J_t = clipped surrogate - lambda |A_t| LeakyReLU(-(2 c - 1) (logp_t - logp_expert_t)); "
      "foreign rows: 0"};
  double lambda = 0.1;
  double slope = 0.5;
  double eps_low = 0.2;
  double eps_high = 0.2;
  double clip_ratio_c = 3;
  std::string beyond_expert = "zero";
  template <class Visitor>
  void Params(Visitor& p) {
    p("lambda", lambda, 0.0, 1e3);
    p("slope", slope, 0.0, 1.0);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
    p("clip_ratio_c", clip_ratio_c, 1.0, kNoDualClip);
    p("beyond_expert", beyond_expert, {"zero", "none"});
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {Statistic::kLogp}}; }
  double low() const { return 1 - eps_low; }
  double high() const { return 1 + eps_high; }
  double dual() const { return clip_ratio_c; }
  Field operator()(const TokenFields& f) const {
    const Rows& rows = f.rows;
    const auto& logp_old = rows.Behaviour(ToString(Statistic::kLogp));
    const size_t T = f.mask.size();
    std::vector<double> expert(T, 0.0), sign(T, 0.0), sampled(T, 0.0);
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      const int64_t first = rows.group_begin[g], last = rows.group_begin[g + 1];
      int64_t e = first;
      while (e < last && !rows.foreign[e]) ++e;
      const int64_t expert_length = e < last ? rows.length(e) : 0;
      for (int64_t s = first; s < last; ++s) {
        if (rows.foreign[s]) continue;
        for (int64_t i = 0; i < rows.length(s); ++i) {
          const int64_t t = rows.begin[s] + i;
          sampled[t] = 1;
          if (i < expert_length) expert[t] = logp_old[rows.begin[e] + i];
          if (i < expert_length || beyond_expert == "zero") sign[t] = rows.right(s) ? -1 : 1;
        }
      }
    }
    const Field u = f.Constant(std::move(sign)) * (f.logp - f.Constant(std::move(expert)));
    const Field zero = f.Constant({0});
    const Field guided = Abs(f.adv) * (Max(u, zero) + slope * Min(u, zero));
    const Field J = ClippedSurrogate(f, low(), high(), clip_ratio_c) - lambda * guided;
    return Where(std::vector<char>(sampled.begin(), sampled.end()), J, zero);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_CALIB_RL_H_
