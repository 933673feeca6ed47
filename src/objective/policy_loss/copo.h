#ifndef RLVR_OBJECTIVE_POLICY_LOSS_COPO_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_COPO_H_
#include <cmath>

#include "objective/advantage/copo_global.h"
#include "objective/policy_loss/clipped_surrogate.h"

namespace rlvr {
// COPO, Consistency-aware Policy Optimization, arXiv:2508.04138: the clipped surrogate of the
// group's own advantage and that of the prompt's advantage in the batch (advantage copo_global),
// blended by how much the group's answers differ.
//   J_t = w L(A_local) + (1 - w) L(A_global),   w = sigmoid(k (E - b)),  E in bits
//   L(A) = min(r_t A, clip(r_t, 1 - eps_low, 1 + eps_high) A), with dual clip
// blend soft_with_zero (the authors' final script): w = 0 for responses that are not right (their
// code asks for a reward that is not 0); soft_with_forced: w = 0 where the local advantage is 0;
// soft: w.
struct Copo {
  static constexpr MethodInfo kInfo{"copo", "2508.04138",
                                    "J_t = w L(A_local) + (1 - w) L(A_global), w = sigmoid(k (E - "
                                    "b)), E the entropy of the group's "
                                    "answers, L the clipped surrogate"};
  std::string blend = "soft_with_zero";
  double k = 5;
  double b = 1;
  double eps_low = 0.2;
  double eps_high = 0.2;
  double clip_ratio_c = 3;
  template <class Visitor>
  void Params(Visitor& p) {
    p("blend", blend, {"soft_with_zero", "soft_with_forced", "soft"});
    p("k", k, 0.0, 1e6);
    p("b", b, -1e6, 1e6);
    p("eps_low", eps_low, 0.0, 1.0);
    p("eps_high", eps_high, 0.0, 10.0);
    p("clip_ratio_c", clip_ratio_c, 1.0, kNoDualClip);
  }
  double low() const { return 1 - eps_low; }
  double high() const { return 1 + eps_high; }
  double dual() const { return clip_ratio_c; }
  Field operator()(const TokenFields& f) const {
    const Rows& rows = f.rows;
    const auto column = rows.more.find(CopoGlobal::kColumn);
    if (column == rows.more.end()) {
      throw Error("policy_loss copo", "there is no global advantage",
                  "write `advantage: [{name: group_normalized}, {name: copo_global}]`");
    }
    std::vector<double> local(f.mask.size(), 0.0), global(f.mask.size(), 0.0);
    double sum = 0, tokens = 0;
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      const int64_t first = rows.group_begin[g], last = rows.group_begin[g + 1];
      const double w = 1 / (1 + std::exp(-k * (AnswerEntropy(rows, first, last) - b)));
      for (int64_t s = first; s < last; ++s) {
        for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
          const bool only_global = (blend == "soft_with_zero" && !rows.right(s)) ||
                                   (blend == "soft_with_forced" && f.adv.values()[t] == 0);
          local[t] = only_global ? 0 : w;
          global[t] = 1 - local[t];
          sum += local[t] * f.mask[t];
          tokens += f.mask[t];
        }
      }
    }
    f.metrics->push_back({"actor/copo_local_weight", sum, tokens});
    TokenFields of_prompt = f;
    of_prompt.adv = f.Constant(column->second);
    return f.Constant(std::move(local)) * ClippedSurrogate(f, low(), high(), clip_ratio_c) +
           f.Constant(std::move(global)) * ClippedSurrogate(of_prompt, low(), high(), clip_ratio_c);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_COPO_H_
