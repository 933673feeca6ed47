#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_CDE_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_CDE_H_
#include <algorithm>
#include <cmath>

#include "objective/reward_shaping/marker.h"

namespace rlvr {
// ExPO-HM's reward on conditional decision entropy, arXiv:2510.08630: be sure where right, unsure
// where wrong. h is the entropy of the decision, in bits and at most 1.
//   right: w for h <= a;  w (b - h) / (b - a) up to b;  0 from there on
//   wrong: -rho w for h <= a;  with L = (h - a) / (d - a): -rho w + (w L + rho w) L;  w from d on
// r_i += that. The wrong branch is quadratic as released. Theirs is the entropy of yes against no in
// a yes-or-no task; here it is the whole entropy of the first token after the last `marker`, that is
// of the answer's first token. No marker, or nothing after it: no decision, nothing is added.
struct Cde {
  static constexpr MethodInfo kInfo{
      "cde", "2510.08630",
      "r_i + w (sure) .. 0 (unsure) where right, -rho w (sure) .. w (unsure) where wrong"};
  double w = 0.2, a = 0.1, b = 0.5, d = 0.5, rho = 0.25;
  std::string marker = "Answer:";
  template <class Visitor>
  void Params(Visitor& p) {
    p("w", w, 0.0, 1e6);
    p("a", a, 0.0, 1.0);
    p("b", b, 0.0, 1.0);
    p("d", d, 0.0, 1.0);
    p("rho", rho, 0.0, 1e6);
    p("marker", marker);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    if (!(a < b && a < d))
      throw Error("reward_shaping cde", "a is not below b and d", "as in a: 0.1, b: 0.5, d: 0.5");
    double sum = 0, n = 0;
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      const int64_t t = TokenAfterMarker(*rows, s, context.tokenizer, marker, true);
      if (t >= rows->begin[s + 1]) continue;
      const double h = std::min(rows->entropy_old[t] / std::log(2.0), 1.0);
      rows->reward[s] += rows->right(s) ? Right(h) : Wrong(h);
      sum += h;
      n += 1;
    }
    context.metrics->push_back({"reward_shaping/cde_entropy", sum, n});
  }
  double Right(double h) const {
    if (h <= a) return w;
    return h < b ? w * (b - h) / (b - a) : 0;
  }
  double Wrong(double h) const {
    if (h <= a) return -rho * w;
    const double L = (h - a) / (d - a);
    return L < 1 ? -rho * w + (w * L + rho * w) * L : w;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_CDE_H_
