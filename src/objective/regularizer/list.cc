// The regularizers there are: one line a method, sorted by name.
#include "objective/loss_stage.h"
#include "objective/regularizer/cov_entropy.h"
#include "objective/regularizer/entropy_band.h"
#include "objective/regularizer/entropy_bonus.h"
#include "objective/regularizer/epo.h"
#include "objective/regularizer/kl.h"
#include "objective/regularizer/kl_cov.h"
#include "objective/regularizer/kl_full.h"
#include "objective/regularizer/lp_reg.h"
#include "objective/regularizer/siren.h"

namespace rlvr {

const MethodList<Regularizer>& RegularizerList() {
  static const auto list = [] {
    MethodList<Regularizer> l("regularizer");
    l.Add<CovEntropy, RegularizerOf>();
    l.Add<EntropyBand, RegularizerOf>();
    l.Add<EntropyBonus, RegularizerOf>();
    l.Add<Epo, RegularizerOf>();
    l.Add<Kl, RegularizerOf>();
    l.Add<KlCov, RegularizerOf>();
    l.Add<KlFull, RegularizerOf>();
    l.Add<LpReg, RegularizerOf>();
    l.Add<Siren, RegularizerOf>();
    return l;
  }();
  return list;
}

}  // namespace rlvr
