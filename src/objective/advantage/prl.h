#ifndef RLVR_OBJECTIVE_ADVANTAGE_PRL_H_
#define RLVR_OBJECTIVE_ADVANTAGE_PRL_H_
#include "objective/advantage/steps.h"

namespace rlvr {
// Process Reward Learning, arXiv:2601.10201: the KL to the reference that is still to come, taken
// from the outcome's advantage at the end of each step of a response.
//   A_t = A_i - 1 / eta sum_{s >= b} (logp_old_s - logp_ref_s)
//   b = b(t): the next boundary, b >= t
// Boundaries: every step_tokens-th token of a response, or each token whose text holds a newline
// (step: newline), and always the last token. A_i is what the methods before it in `advantage`
// made. Masked tokens are not in the sum. The released code marks a boundary by a value that is not
// 0, so a boundary value of exactly 0 is skipped there; here boundaries are positions.
struct Prl {
  static constexpr MethodInfo kInfo{
      "prl", "2601.10201",
      "A_t = A_i - 1 / eta sum_{s >= b(t)} (logp_old_s - logp_ref_s), b(t) the next step's end"};
  double eta = 200;
  std::string step = "tokens";
  int64_t step_tokens = 256;
  template <class Visitor>
  void Params(Visitor& p) {
    p("eta", eta, 1e-6, 1e12);
    p("step", step, {"tokens", "newline"});
    p("step_tokens", step_tokens, int64_t{1}, int64_t{1} << 40);
  }
  Needs needs() const { return {.statistics = {}, .behaviour = {}, .reference = true}; }
  void operator()(Rows* rows, const BatchContext& context) const {
    const Steps steps{step, step_tokens};
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      const int64_t first = rows->begin[s], last = rows->begin[s + 1];
      double to_come = 0, at_boundary = 0;
      for (int64_t t = last - 1; t >= first; --t) {
        if (rows->mask[t] != 0) to_come += rows->logp_old[t] - rows->logp_ref[t];
        if (steps.EndsAt(*rows, context, s, t)) at_boundary = to_come;
        rows->adv[t] -= at_boundary / eta;
      }
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_PRL_H_
