#ifndef RLVR_OBJECTIVE_POLICY_LOSS_NO_TOKEN_BOUNDS_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_NO_TOKEN_BOUNDS_H_
#include <string>

#include "objective/loss_stage.h"

namespace rlvr {
// For losses that clip no ratio of a token: a token_weight that sets bounds would do nothing there.
inline void CheckNoTokenBounds(const TokenFields& f, const std::string& name) {
  if (f.low.empty() && f.high.empty()) return;
  throw Error("policy_loss " + name, "clips no token's ratio, and a token_weight gives bounds",
              "remove that token_weight, or choose decoupled_clip or ppo_clip");
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_NO_TOKEN_BOUNDS_H_
