#ifndef RLVR_OBJECTIVE_SELECT_NONE_H_
#define RLVR_OBJECTIVE_SELECT_NONE_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Every group trains, also one whose advantages are all 0.
struct NoSelection {
  static constexpr MethodInfo kInfo{"none", "", "keep every group"};
  template <class Visitor>
  void Params(Visitor&) {}
  bool Keep(const Tree&) const { return true; }
  int64_t max_rounds() const { return 1; }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_SELECT_NONE_H_
