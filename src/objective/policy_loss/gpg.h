#ifndef RLVR_OBJECTIVE_POLICY_LOSS_GPG_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_GPG_H_
#include <algorithm>

#include "objective/policy_loss/no_token_bounds.h"

namespace rlvr {
// Group Policy Gradient, arXiv:2504.02546: REINFORCE on advantages centred in their group
// (advantage group_centered, F_norm = 1), scaled up for the groups that give no gradient.
//   J_t = alpha A_t log pi(y_t),   alpha = groups / groups with an advantage that is not 0
// alpha_by scores: alpha = responses / responses whose reward is not 0, as verl's implementation
// counts; with rewards of +1 and -1 that is always 1. Counted over the mini-batch, without masked
// rows; alpha is 1 where nothing is left to count. After dynamic sampling `groups` gives 1.
struct Gpg {
  static constexpr MethodInfo kInfo{"gpg", "2504.02546",
                                    "J_t = alpha A_t logp_t, alpha = groups / groups with A != 0"};
  static constexpr bool kWholeBatch = true;
  std::string alpha_by = "groups";
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha_by", alpha_by, {"groups", "scores"});
  }
  Field operator()(const TokenFields& f) const {
    CheckNoTokenBounds(f, kInfo.name);
    double all = 0, counted = 0;
    for (int64_t g = 0; g < f.rows.num_groups(); ++g) {
      bool seen = false, any = false;
      for (int64_t s = f.rows.group_begin[g]; s < f.rows.group_begin[g + 1]; ++s) {
        bool row_seen = false;
        for (int64_t t = f.rows.begin[s]; t < f.rows.begin[s + 1]; ++t) {
          if (f.mask[t] == 0) continue;
          row_seen = true;
          any = any || f.adv.values()[t] != 0;
        }
        seen = seen || row_seen;
        if (alpha_by == "scores" && row_seen) {
          all += 1;
          counted += f.rows.reward[s] != 0;
        }
      }
      if (alpha_by == "groups") {
        all += seen;
        counted += any;
      }
    }
    const double alpha = counted > 0 ? all / counted : 1;
    f.metrics->push_back({"actor/gpg_alpha", alpha, 1});
    return alpha * f.adv * f.logp;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_GPG_H_
