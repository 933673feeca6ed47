// The advantages there are: one line a method, sorted by name.
#include "objective/advantage/copo_global.h"
#include "objective/advantage/deepsearch.h"
#include "objective/advantage/gae.h"
#include "objective/advantage/group_centered.h"
#include "objective/advantage/group_normalized.h"
#include "objective/advantage/hapo.h"
#include "objective/advantage/prime.h"
#include "objective/advantage/prl.h"
#include "objective/batch_stage.h"

namespace rlvr {

const MethodList<BatchStage>& AdvantageList() {
  static const auto list = [] {
    MethodList<BatchStage> l("advantage");
    l.Add<CopoGlobal, BatchStageOf>();
    l.Add<DeepSearch, BatchStageOf>();
    l.Add<Gae, BatchStageOf>();
    l.Add<GroupCentered, BatchStageOf>();
    l.Add<GroupNormalized, BatchStageOf>();
    l.Add<HapoAdvantage, BatchStageOf>();
    l.Add<Prime, BatchStageOf>();
    l.Add<Prl, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
