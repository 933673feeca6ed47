// The reward shapings there are: one line a method, sorted by name.
#include "objective/batch_stage.h"
#include "objective/reward_shaping/ares.h"
#include "objective/reward_shaping/cde.h"
#include "objective/reward_shaping/gril.h"
#include "objective/reward_shaping/information_consistency.h"
#include "objective/reward_shaping/kl_penalty.h"
#include "objective/reward_shaping/majority_vote.h"
#include "objective/reward_shaping/pear.h"
#include "objective/reward_shaping/random_reward.h"
#include "objective/reward_shaping/rlaar.h"
#include "objective/reward_shaping/trapo.h"
#include "objective/reward_shaping/truncated_reward.h"

namespace rlvr {

const MethodList<BatchStage>& RewardShapingList() {
  static const auto list = [] {
    MethodList<BatchStage> l("reward_shaping");
    l.Add<Ares, BatchStageOf>();
    l.Add<Cde, BatchStageOf>();
    l.Add<Gril, BatchStageOf>();
    l.Add<InformationConsistency, BatchStageOf>();
    l.Add<KlPenalty, BatchStageOf>();
    l.Add<MajorityVote, BatchStageOf>();
    l.Add<Pear, BatchStageOf>();
    l.Add<RandomReward, BatchStageOf>();
    l.Add<Rlaar, BatchStageOf>();
    l.Add<Trapo, BatchStageOf>();
    l.Add<TruncatedReward, BatchStageOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
