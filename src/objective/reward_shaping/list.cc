// The reward shapings there are: one line a method, sorted by name.
#include "objective/batch_stage.h"
#include "objective/reward_shaping/random_reward.h"
#include "objective/reward_shaping/trapo.h"

namespace rlvr {

const MethodList<BatchStage>& RewardShapingList() {
  static const auto list = [] {
    MethodList<BatchStage> l("reward_shaping");
    l.Add<RandomReward, BatchStageOf>();
    l.Add<Trapo, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
