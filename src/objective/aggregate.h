// Token losses -> one number. The denominators are the whole mini-batch's (ObjectiveBatch totals),
// so that a split into micro-batches changes nothing.
#ifndef RLVR_OBJECTIVE_AGGREGATE_H_
#define RLVR_OBJECTIVE_AGGREGATE_H_
#include <string>
#include <vector>

#include "objective/objective.h"
#include "objective/tape.h"

namespace rlvr {

struct Aggregate {
  // token_mean           sum_t m J / sum_t m                     DAPO, arXiv:2503.14476, Sec. 3.3
  // seq_mean_token_mean  mean over sequences of sum_t m J / L_i  GRPO, arXiv:2402.03300, Eq. 3
  // seq_mean_token_sum   mean over sequences of sum_t m J
  // token_sum_norm       sum_t m J / (S constant)                Dr. GRPO, arXiv:2503.20783
  // The last is the paper's; verl's seq-mean-token-sum-norm does not divide by S sequences.
  std::string mode = "token_mean";
  double constant = 0;  // token_sum_norm only, and needed there: the longest response
  template <class Visitor>
  void Params(Visitor& p) {
    p("aggregate", mode, Modes());
    p("constant", constant, 0.0, 1e9);
  }

  static const std::vector<std::string>& Modes();
  // The weight of each token in the sum: J = sum_t weight_t J_t. [T]
  std::vector<double> Weights(const ObjectiveBatch& batch) const;
};

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_AGGREGATE_H_
