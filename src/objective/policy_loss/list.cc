// The policy losses there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/policy_loss/cispo.h"
#include "objective/policy_loss/decoupled_clip.h"
#include "objective/policy_loss/gpg.h"
#include "objective/policy_loss/gspo.h"
#include "objective/policy_loss/ppo_clip.h"
#include "objective/policy_loss/reinforce.h"

namespace rlvr {

const MethodList<PolicyLoss>& PolicyLossList() {
  static const auto list = [] {
    MethodList<PolicyLoss> l("policy_loss");
    l.AddAll<PolicyLossOf,  //
             Cispo, DecoupledClip, Gpg, Gspo, GspoToken, PpoClip, Reinforce>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
