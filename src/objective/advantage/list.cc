// The advantages there are: one line a method, sorted by name.
#include "objective/advantage/aepo.h"
#include "objective/advantage/best_of_group.h"
#include "objective/advantage/copo_global.h"
#include "objective/advantage/deepsearch.h"
#include "objective/advantage/dgao.h"
#include "objective/advantage/empg.h"
#include "objective/advantage/gae.h"
#include "objective/advantage/gigpo.h"
#include "objective/advantage/group_centered.h"
#include "objective/advantage/group_normalized.h"
#include "objective/advantage/group_sampled.h"
#include "objective/advantage/hapo.h"
#include "objective/advantage/igpo.h"
#include "objective/advantage/opo.h"
#include "objective/advantage/optimal_token_baseline.h"
#include "objective/advantage/pass_at_k.h"
#include "objective/advantage/perplexity_shaping.h"
#include "objective/advantage/position_shaping.h"
#include "objective/advantage/prime.h"
#include "objective/advantage/prl.h"
#include "objective/advantage/reinforce_plus_plus.h"
#include "objective/advantage/reinforce_plus_plus_baseline.h"
#include "objective/advantage/risk_po.h"
#include "objective/advantage/rlfr.h"
#include "objective/advantage/rloo.h"
#include "objective/advantage/spear.h"
#include "objective/advantage/task_normalized.h"
#include "objective/advantage/turn_relative.h"
#include "objective/advantage/ucas.h"
#include "objective/batch_stage.h"

namespace rlvr {

const MethodList<BatchStage>& AdvantageList() {
  static const auto list = [] {
    MethodList<BatchStage> l("advantage");
    l.Add<Aepo, BatchStageOf>();
    l.Add<BestOfGroup, BatchStageOf>();
    l.Add<CopoGlobal, BatchStageOf>();
    l.Add<DeepSearch, BatchStageOf>();
    l.Add<Dgao, BatchStageOf>();
    l.Add<Empg, BatchStageOf>();
    l.Add<Gae, BatchStageOf>();
    l.Add<Gigpo, BatchStageOf>();
    l.Add<GroupCentered, BatchStageOf>();
    l.Add<GroupNormalized, BatchStageOf>();
    l.Add<GroupSampled, BatchStageOf>();
    l.Add<HapoAdvantage, BatchStageOf>();
    l.Add<Igpo, BatchStageOf>();
    l.Add<Opo, BatchStageOf>();
    l.Add<OptimalTokenBaseline, BatchStageOf>();
    l.Add<PassAtK, BatchStageOf>();
    l.Add<PerplexityShaping, BatchStageOf>();
    l.Add<PositionShaping, BatchStageOf>();
    l.Add<Prime, BatchStageOf>();
    l.Add<Prl, BatchStageOf>();
    l.Add<ReinforcePlusPlus, BatchStageOf>();
    l.Add<ReinforcePlusPlusBaseline, BatchStageOf>();
    l.Add<RiskPo, BatchStageOf>();
    l.Add<Rlfr, BatchStageOf>();
    l.Add<Rloo, BatchStageOf>();
    l.Add<Spear, BatchStageOf>();
    l.Add<TaskNormalized, BatchStageOf>();
    l.Add<TurnCentered, BatchStageOf>();
    l.Add<TurnNormalized, BatchStageOf>();
    l.Add<Ucas, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
