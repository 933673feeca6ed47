#ifndef RLVR_OBJECTIVE_POLICY_LOSS_FOREIGN_H_
#define RLVR_OBJECTIVE_POLICY_LOSS_FOREIGN_H_
#include "objective/loss_stage.h"

namespace rlvr {
// 1 for the tokens of rows that this policy did not sample in this step: an expert's, a replay's.
// [T]
inline std::vector<char> ForeignTokens(const Rows& rows) {
  std::vector<char> foreign;
  for (int64_t s = 0; s < rows.num_rows(); ++s)
    foreign.insert(foreign.end(), static_cast<size_t>(rows.length(s)), rows.foreign[s]);
  return foreign;
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_POLICY_LOSS_FOREIGN_H_
