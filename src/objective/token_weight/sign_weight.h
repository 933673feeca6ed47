#ifndef RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
#define RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
#include "objective/loss_stage.h"

namespace rlvr {
// Positive and negative reinforcement apart, arXiv:2506.01347, Sec. 4: W-REINFORCE weighs what
// right responses pull up by lambda = 0.1 and what wrong ones push down by 1; 0 and 1 is NSR, 1 and
// 0 PSR. The sign read is the advantage's, which with rewards of +1 and -1 and no baseline is the
// reward's.
struct SignWeight {
  static constexpr MethodInfo kInfo{"sign_weight", "2506.01347",
                                    "w_t = positive if A_t > 0, negative if A_t < 0"};
  double positive = 0.1, negative = 1;
  template <class Visitor>
  void Params(Visitor& p) {
    p("positive", positive, 0.0, 1e6);
    p("negative", negative, 0.0, 1e6);
  }
  void operator()(const TokenFields&, TokenWeights* w) const {
    for (size_t t = 0; t < w->adv.size(); ++t) {
      if (w->adv[t] != 0) w->weight[t] *= w->adv[t] > 0 ? positive : negative;
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_TOKEN_WEIGHT_SIGN_WEIGHT_H_
