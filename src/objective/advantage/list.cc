// The advantages there are: one line a method, sorted by name.
#include "objective/advantage/best_of_group.h"
#include "objective/advantage/copo_global.h"
#include "objective/advantage/gae.h"
#include "objective/advantage/group_centered.h"
#include "objective/advantage/group_normalized.h"
#include "objective/advantage/opo.h"
#include "objective/advantage/pass_at_k.h"
#include "objective/advantage/prime.h"
#include "objective/advantage/prl.h"
#include "objective/advantage/reinforce_plus_plus.h"
#include "objective/advantage/reinforce_plus_plus_baseline.h"
#include "objective/advantage/rloo.h"
#include "objective/batch_stage.h"

namespace rlvr {

const MethodList<BatchStage>& AdvantageList() {
  static const auto list = [] {
    MethodList<BatchStage> l("advantage");
    l.Add<BestOfGroup, BatchStageOf>();
    l.Add<CopoGlobal, BatchStageOf>();
    l.Add<Gae, BatchStageOf>();
    l.Add<GroupCentered, BatchStageOf>();
    l.Add<GroupNormalized, BatchStageOf>();
    l.Add<Opo, BatchStageOf>();
    l.Add<PassAtK, BatchStageOf>();
    l.Add<Prime, BatchStageOf>();
    l.Add<Prl, BatchStageOf>();
    l.Add<ReinforcePlusPlus, BatchStageOf>();
    l.Add<ReinforcePlusPlusBaseline, BatchStageOf>();
    l.Add<Rloo, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
