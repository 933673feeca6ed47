#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_INFORMATION_CONSISTENCY_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_INFORMATION_CONSISTENCY_H_
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// Information-consistent GRPO, arXiv:2512.12858: responses to prompts of one meaning should hold the
// same amount of information. A reconstruction of its stability term (the abstract gives no formula):
//   r_i += -coefficient |h_i - mean h|,  h_i: mean entropy of response i, mean over the scope
// The paper's groups are paraphrases of one prompt in fresh contexts: scope family, with
// data.group_key (and data.group_order together, so that a batch holds them all). Scope group: the
// responses of one prompt. Baselines of advantages are still those of each prompt.
struct InformationConsistency {
  static constexpr MethodInfo kInfo{"information_consistency", "2512.12858",
                                    "r_i - coefficient |h_i - mean(h)|, h_i the mean entropy of "
                                    "response i, mean over the group or "
                                    "family; a reconstruction"};
  double weight = 1;
  std::string scope = "group";
  template <class Visitor>
  void Params(Visitor& p) {
    p("coefficient", weight, 0.0, 1e6);
    p("scope", scope, {"group", "family"});
  }
  void operator()(Rows* rows, const BatchContext&) const {
    const Column all_tokens(rows->entropy_old.size(), 1.0), all_rows(rows->reward.size(), 1.0);
    const Column h = RowMean(*rows, rows->entropy_old, all_tokens);
    const Column mean = Mean(RowsBy(ParseScope(scope), *rows), h, all_rows);
    for (size_t s = 0; s < h.size(); ++s) rows->reward[s] -= weight * std::abs(h[s] - mean[s]);
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_INFORMATION_CONSISTENCY_H_
