// The reward shapings there are: one line a method, sorted by name.
#include "objective/batch_stage.h"
#include "objective/reward_shaping/kl_penalty.h"
#include "objective/reward_shaping/random_reward.h"

namespace rlvr {

const MethodList<BatchStage>& RewardShapingList() {
  static const auto list = [] {
    MethodList<BatchStage> l("reward_shaping");
    l.Add<KlPenalty, BatchStageOf>();
    l.Add<RandomReward, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
