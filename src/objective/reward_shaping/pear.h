#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_PEAR_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_PEAR_H_
#include <algorithm>

#include "objective/reward_shaping/marker.h"

namespace rlvr {
// Phase entropy aware reward, arXiv:2510.08026: entropy while thinking makes responses long and
// costs, entropy of the answer is allowed. A reconstruction: the sources at hand give the inputs and
// the signs, not the exact formula.
//   right responses:  r_i (1 - min(P, 1)),  P = max(0, H_think - alpha H_answer)
// H_think, H_answer: mean entropy under the policy that sampled before and after the first `marker`,
// which is part of the thinking. Without a marker all of the response is thinking, H_answer 0.
struct Pear {
  static constexpr MethodInfo kInfo{"pear", "2510.08026",
                                    "right: r_i (1 - clip(H_think - alpha H_answer, 0, 1)); a "
                                    "reconstruction"};
  double alpha = 1;
  std::string marker = "</think>";
  template <class Visitor>
  void Params(Visitor& p) {
    p("alpha", alpha, 0.0, 1e6);
    p("marker", marker);
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    double sum = 0, n = 0;
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      const int64_t answer = TokenAfterMarker(*rows, s, context.tokenizer, marker, false);
      const double P = std::max(0.0, MeanEntropy(*rows, rows->begin[s], answer) -
                                         alpha * MeanEntropy(*rows, answer, rows->begin[s + 1]));
      if (rows->right(s)) rows->reward[s] *= 1 - std::min(P, 1.0);
      sum += P;
      n += 1;
    }
    context.metrics->push_back({"reward_shaping/pear_penalty", sum, n});
  }

 private:
  static double MeanEntropy(const Rows& rows, int64_t first, int64_t last) {
    return MeanOf(std::span(rows.entropy_old).subspan(first, last - first));
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_PEAR_H_
