// Token terms -> one number. The denominators are the whole mini-batch's (Totals), so that a split
// into micro-batches changes nothing.
#ifndef RLVR_OBJECTIVE_AGGREGATE_H_
#define RLVR_OBJECTIVE_AGGREGATE_H_
#include <string>
#include <vector>

#include "objective/rows.h"

namespace rlvr {

struct Aggregate {
  // token_mean           sum_t m J / sum_t m                     DAPO, arXiv:2503.14476, Sec. 3.3
  // seq_mean_token_mean  mean over sequences of sum_t m J / L_i  GRPO, arXiv:2402.03300, Eq. 3
  // seq_mean_token_sum   mean over sequences of sum_t m J
  // token_sum_norm       sum_t m J / (S constant)                Dr. GRPO, arXiv:2503.20783
  // token_sum            sum_t m J / constant                    verl's seq-mean-token-sum-norm
  // The last does not divide by the S sequences; with one optimizer step's S fixed, only the
  // learning rate tells them apart.
  std::string mode = "token_mean";
  double constant = 0;  // token_sum_norm and token_sum only, and needed there
  template <class Visitor>
  void Params(Visitor& p) {
    p("aggregate", mode, Modes());
    p("constant", constant, 0.0, 1e9);
  }
  bool NeedsConstant() const { return mode == "token_sum_norm" || mode == "token_sum"; }

  static const std::vector<std::string>& Modes();
  // The weight of each token in the sum: J = sum_t weight_t J_t. begin [S + 1], mask [T] -> [T]
  std::vector<double> Weights(const std::vector<int64_t>& begin, const std::vector<double>& mask,
                              const Totals& totals) const;
};

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_AGGREGATE_H_
