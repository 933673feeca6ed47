// The token weights there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/token_weight/forking_tokens.h"

namespace rlvr {

const MethodList<TokenWeight>& TokenWeightList() {
  static const auto list = [] {
    MethodList<TokenWeight> l("token_weight");
    l.AddAll<TokenWeightOf,  //
             ForkingTokens>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
