// The reward shapings there are: one line a method, sorted by name.
#include "objective/batch_stage.h"
#include "objective/reward_shaping/random_reward.h"

namespace rlvr {

const MethodList<BatchStage>& RewardShapingList() {
  static const auto list = [] {
    MethodList<BatchStage> l("reward_shaping");
    l.AddAll<BatchStageOf,  //
             RandomReward>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
