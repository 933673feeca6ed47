// The regularizers there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/regularizer/entropy_bonus.h"
#include "objective/regularizer/kl.h"

namespace rlvr {

const MethodList<Regularizer>& RegularizerList() {
  static const auto list = [] {
    MethodList<Regularizer> l("regularizer");
    l.AddAll<RegularizerOf,  //
             EntropyBonus, Kl>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
