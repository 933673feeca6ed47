#ifndef RLVR_OBJECTIVE_ADVANTAGE_EMPG_H_
#define RLVR_OBJECTIVE_ADVANTAGE_EMPG_H_
#include <algorithm>
#include <cmath>

#include "objective/advantage/steps.h"

namespace rlvr {
// Entropy-modulated policy gradients, arXiv:2509.09265, Eq. 8 to 12, on the advantages A that the
// methods before it made. H_s is the mean entropy of step s of a response under the policy that
// sampled, Hn_s = (H_s - min H) / (max H - min H + 1e-8) over all steps of the batch.
//   g_s = exp(-k Hn_s) / mean exp(-k Hn)   certain steps learn more, uncertain ones less; mean 1
//   f_s = exp(-k_f Hn_s)                   a certain next step is a bonus
//   A_t = A g_s + zeta f_{s+1},  t in step s; no bonus in the last step
// then, with `center`, minus the mean over the batch's counted tokens. The paper's steps are an
// agent's turns; a response of one turn falls into lines with step newline. k, k_f and zeta are those
// of the project page; masked tokens have part in a step's entropy.
struct Empg {
  static constexpr MethodInfo kInfo{
      "empg", "2509.09265",
      "A_t = A g(H_s) + zeta f(H_{s+1}) - mean over the batch; g ~ exp(-k H), f = exp(-k_f H), H "
      "scaled to [0, 1]"};
  double k = 1, k_f = 1, zeta = 0.1;
  bool center = true;
  std::string step = "turn";
  int64_t step_tokens = 256;
  template <class Visitor>
  void Params(Visitor& p) {
    p("k", k, 0.0, 100.0);
    p("k_f", k_f, 0.0, 100.0);
    p("zeta", zeta, 0.0, 100.0);
    p("center", center);
    p("step", step, {"turn", "newline", "tokens"});
    p("step_tokens", step_tokens, int64_t{1}, int64_t{1} << 40);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    struct Step {
      int64_t row, first, last;
    };
    const Steps steps{step, step_tokens};
    std::vector<Step> all;
    Column H;  // [steps]
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      double sum = 0;
      int64_t first = rows->begin[s];
      for (int64_t t = first; t < rows->begin[s + 1]; ++t) {
        sum += rows->entropy_old[t];
        if (!steps.EndsAt(*rows, context, s, t)) continue;
        all.push_back({s, first, t + 1});
        H.push_back(sum / static_cast<double>(t + 1 - first));
        first = t + 1;
        sum = 0;
      }
    }
    if (all.empty()) return;
    const double low = MinOf(H), range = MaxOf(H) - low + 1e-8;
    Column g, f;
    for (const double h : H) {
      g.push_back(std::exp(-k * (h - low) / range));
      f.push_back(std::exp(-k_f * (h - low) / range));
    }
    const double mean_g = MeanOf(g);
    for (size_t i = 0; i < all.size(); ++i) {
      const bool more = i + 1 < all.size() && all[i + 1].row == all[i].row;
      for (int64_t t = all[i].first; t < all[i].last; ++t)
        rows->adv[t] = rows->adv[t] * g[i] / mean_g + (more ? zeta * f[i + 1] : 0);
    }
    if (!center) return;
    const Column mean = Mean(TokensBy(Scope::kBatch, *rows), rows->adv, rows->mask);
    for (size_t t = 0; t < mean.size(); ++t) rows->adv[t] -= mean[t];
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_EMPG_H_
