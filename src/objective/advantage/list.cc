// The advantages there are: one line a method, sorted by name.
#include "objective/advantage/gae.h"
#include "objective/advantage/group_centered.h"
#include "objective/advantage/group_normalized.h"
#include "objective/advantage/prime.h"
#include "objective/batch_stage.h"

namespace rlvr {

const MethodList<BatchStage>& AdvantageList() {
  static const auto list = [] {
    MethodList<BatchStage> l("advantage");
    l.AddAll<BatchStageOf,                    //
             Gae,                             //
             GroupCentered, GroupNormalized,  //
             Prime>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
