// The token weights there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/token_weight/clip_b.h"
#include "objective/token_weight/clip_cov.h"
#include "objective/token_weight/clip_v.h"
#include "objective/token_weight/entropy_gate.h"
#include "objective/token_weight/forking_tokens.h"
#include "objective/token_weight/hapo.h"
#include "objective/token_weight/rejection.h"
#include "objective/token_weight/sign_weight.h"
#include "objective/token_weight/steer.h"

namespace rlvr {

const MethodList<TokenWeight>& TokenWeightList() {
  static const auto list = [] {
    MethodList<TokenWeight> l("token_weight");
    l.AddAll<TokenWeightOf,  //
             ClipB,          //
             ClipCov,        //
             ClipV,          //
             EntropyGate,    //
             ForkingTokens,  //
             Hapo,           //
             Rejection,      //
             SignWeight,     //
             Steer>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
