// The policy losses there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/policy_loss/calib_rl.h"
#include "objective/policy_loss/cispo.h"
#include "objective/policy_loss/copo.h"
#include "objective/policy_loss/cpl.h"
#include "objective/policy_loss/decoupled_clip.h"
#include "objective/policy_loss/gmpo.h"
#include "objective/policy_loss/gpg.h"
#include "objective/policy_loss/gspo.h"
#include "objective/policy_loss/luffy.h"
#include "objective/policy_loss/pacs.h"
#include "objective/policy_loss/power_dl.h"
#include "objective/policy_loss/ppo_clip.h"
#include "objective/policy_loss/real.h"
#include "objective/policy_loss/reinforce.h"
#include "objective/policy_loss/rl_plus.h"
#include "objective/policy_loss/sapo.h"
#include "objective/policy_loss/truncated_is.h"

namespace rlvr {

const MethodList<PolicyLoss>& PolicyLossList() {
  static const auto list = [] {
    MethodList<PolicyLoss> l("policy_loss");
    l.Add<CalibRl, PolicyLossOf>();
    l.Add<Cispo, PolicyLossOf>();
    l.Add<Copo, PolicyLossOf>();
    l.Add<Cpl, PolicyLossOf>();
    l.Add<DecoupledClip, PolicyLossOf>();
    l.Add<Gmpo, PolicyLossOf>();
    l.Add<Gpg, PolicyLossOf>();
    l.Add<Gspo, PolicyLossOf>();
    l.Add<GspoToken, PolicyLossOf>();
    l.Add<Luffy, PolicyLossOf>();
    l.Add<Pacs, PolicyLossOf>();
    l.Add<PowerDl, PolicyLossOf>();
    l.Add<PpoClip, PolicyLossOf>();
    l.Add<Real, PolicyLossOf>();
    l.Add<Reinforce, PolicyLossOf>();
    l.Add<RlPlus, PolicyLossOf>();
    l.Add<Sapo, PolicyLossOf>();
    l.Add<TruncatedIs, PolicyLossOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
