#ifndef RLVR_OBJECTIVE_SELECT_DYNAMIC_SAMPLING_H_
#define RLVR_OBJECTIVE_SELECT_DYNAMIC_SAMPLING_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Dynamic sampling. DAPO, arXiv:2503.14476, Sec. 3.2, the constraint of Eq. 8: 0 < #right < G.
// Groups that do not hold are dropped and sampling goes on until the batch is full. The paper has
// no cap; the cap on rounds is that of the authors' script (max_num_gen_batches: 10). A timed-out
// or broken verdict is not right; with
// truncated_is_wrong neither is a response that max_tokens cut off, as where such a response has no
// reward (DLER, arXiv:2510.15110).
struct DynamicSampling {
  static constexpr MethodInfo kInfo{
      "dynamic_sampling", "2503.14476",
      "keep groups with 0 < #right < G; sample until the batch is full"};
  int64_t max_num_rounds = 10;
  bool truncated_is_wrong = false;
  template <class Visitor>
  void Params(Visitor& p) {
    p("max_rounds", max_num_rounds, int64_t{1}, int64_t{1000000});
    p("truncated_is_wrong", truncated_is_wrong);
  }
  bool Keep(const Tree& group) const {
    size_t right = 0;
    for (const Leaf& leaf : group.leaves) {
      const bool cut = truncated_is_wrong && leaf.finish == Finish::kLength;
      right += leaf.verdict == Verdict::kRight && !cut;
    }
    return right > 0 && right < group.leaves.size();
  }
  int64_t max_rounds() const { return max_num_rounds; }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_SELECT_DYNAMIC_SAMPLING_H_
