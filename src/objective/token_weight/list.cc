// The token weights there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/token_weight/ais.h"
#include "objective/token_weight/clip_b.h"
#include "objective/token_weight/clip_cov.h"
#include "objective/token_weight/clip_v.h"
#include "objective/token_weight/entropy_advantage.h"
#include "objective/token_weight/entropy_gate.h"
#include "objective/token_weight/forking_tokens.h"
#include "objective/token_weight/hapo.h"
#include "objective/token_weight/rejection.h"
#include "objective/token_weight/rollout_is.h"
#include "objective/token_weight/sign_weight.h"
#include "objective/token_weight/steer.h"

namespace rlvr {

const MethodList<TokenWeight>& TokenWeightList() {
  static const auto list = [] {
    MethodList<TokenWeight> l("token_weight");
    l.Add<Ais, TokenWeightOf>();
    l.Add<ClipB, TokenWeightOf>();
    l.Add<ClipCov, TokenWeightOf>();
    l.Add<ClipV, TokenWeightOf>();
    l.Add<EntropyAdvantage, TokenWeightOf>();
    l.Add<EntropyGate, TokenWeightOf>();
    l.Add<ForkingTokens, TokenWeightOf>();
    l.Add<Hapo, TokenWeightOf>();
    l.Add<Rejection, TokenWeightOf>();
    l.Add<RolloutIs, TokenWeightOf>();
    l.Add<SignWeight, TokenWeightOf>();
    l.Add<Steer, TokenWeightOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
