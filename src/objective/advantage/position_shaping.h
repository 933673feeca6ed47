#ifndef RLVR_OBJECTIVE_ADVANTAGE_POSITION_SHAPING_H_
#define RLVR_OBJECTIVE_ADVANTAGE_POSITION_SHAPING_H_
#include <cmath>

#include "objective/batch_stage.h"

namespace rlvr {
// Position-based shaping of the entropy-performance exchange, arXiv:2508.02260, on the advantages
// that the methods before it made: in the plateau stage, tokens at the end of a response weigh more.
//   A_t' = A_t + sign(A_t) gamma sigmoid(d (2 x_t - 1)),  x_t = (t + 1) / L in (0, 1]
// A reconstruction: that late tokens get a bonus of A's sign is confirmed, the curve, d and gamma are
// not. A_t = 0 stays 0.
struct PositionShaping {
  static constexpr MethodInfo kInfo{
      "position_shaping", "2508.02260",
      "A_t + sign(A_t) gamma sigmoid(d (2 x_t - 1)), x_t the place in the response; a "
      "reconstruction"};
  double gamma = 0.1, d = 5;
  template <class Visitor>
  void Params(Visitor& p) {
    p("gamma", gamma, 0.0, 1e3);
    p("d", d, 0.0, 1e3);
  }
  void operator()(Rows* rows, const BatchContext&) const {
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      for (int64_t t = rows->begin[s]; t < rows->begin[s + 1]; ++t) {
        const double x =
            static_cast<double>(t - rows->begin[s] + 1) / static_cast<double>(rows->length(s));
        const double bonus = gamma / (1 + std::exp(-d * (2 * x - 1)));
        rows->adv[t] += rows->adv[t] > 0 ? bonus : rows->adv[t] < 0 ? -bonus : 0;
      }
    }
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_POSITION_SHAPING_H_
