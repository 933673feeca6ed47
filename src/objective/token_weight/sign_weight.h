#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
#include <algorithm>

#include "objective/loss_stage.h"

namespace rlvr {
// Positive and negative reinforcement apart, arXiv:2506.01347, Sec. 4: W-REINFORCE weighs what
// right responses pull up by lambda = 0.1 and what wrong ones push down by 1; 0 and 1 is NSR, 1 and
// 0 PSR. The paper has rewards of +1 and -1 and no baseline: sign `verdict` makes A_t that, +1 for a
// right response and -1 for any other, so groups of one verdict train too. Sign `advantage` keeps
// A_t and reads its sign.
struct SignWeight {
  static constexpr MethodInfo kInfo{
      "sign_weight", "2506.01347",
      "w_t = positive if A_t > 0, negative if A_t < 0; A_t = +1 or -1 by verdict, or as given"};
  double positive = 0.1, negative = 1;
  std::string sign = "verdict";
  template <class Visitor>
  void Params(Visitor& p) {
    p("positive", positive, 0.0, 1e6);
    p("negative", negative, 0.0, 1e6);
    p("sign", sign, {"verdict", "advantage"});
  }
  void operator()(const TokenFields& f, TokenWeights* w) const {
    if (sign == "verdict") {
      for (int64_t s = 0; s < f.rows.num_rows(); ++s) {
        std::fill(w->adv.begin() + f.rows.begin[s], w->adv.begin() + f.rows.begin[s + 1],
                  f.rows.right(s) ? 1.0 : -1.0);
      }
    }
    for (size_t t = 0; t < w->adv.size(); ++t) {
      if (w->adv[t] != 0) w->weight[t] *= w->adv[t] > 0 ? positive : negative;
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
