#ifndef RLVR_OBJECTIVE_ADVANTAGE_AEPO_H_
#define RLVR_OBJECTIVE_ADVANTAGE_AEPO_H_
#include "objective/batch_stage.h"

namespace rlvr {
// Adaptive entropy-controlled policy optimisation of QwenLong-L1.5, arXiv:2512.12967, after the
// method that makes advantages: while the policy's entropy is too high, responses with a negative
// gradient do not train.
//   drop:  mask = 0 for every row without A_i > 0 and r_i > 0
// H is the mean entropy of the batch's counted tokens under the policy that sampled. gate:
//   hysteresis  (the paper) drop from H > high on, until H < low
//   band        (the released code) drop while low < H < high
// The released thresholds are not known; the defaults are ours. If dropping would leave no token at
// all, the batch stays as it is.
struct Aepo {
  static constexpr MethodInfo kInfo{
      "aepo", "2512.12967", "while entropy is high, only rows with A_i > 0 and r_i > 0 train"};
  double low = 0.2, high = 0.5;
  std::string gate = "hysteresis";
  template <class Visitor>
  void Params(Visitor& p) {
    p("low", low, 0.0, 1e3);
    p("high", high, 0.0, 1e3);
    p("gate", gate, {"hysteresis", "band"});
  }
  void operator()(Rows* rows, const BatchContext& context) const {
    if (!(low <= high)) throw Error("advantage aepo", "low is above high", "swap them");
    Column shown;
    for (size_t t = 0; t < rows->mask.size(); ++t) {
      if (rows->mask[t] != 0) shown.push_back(rows->entropy_old[t]);
    }
    const double H = MeanOf(shown);
    bool drop = low < H && H < high;
    if (gate == "hysteresis") {
      std::vector<double>& dropping = context.state->values["aepo/dropping"];
      if (dropping.empty()) dropping = {0};
      if (H > high) dropping[0] = 1;
      if (H < low) dropping[0] = 0;
      drop = dropping[0] != 0;
    }
    context.metrics->push_back({"advantage/aepo_dropping", drop ? 1.0 : 0.0, 1});
    if (!drop) return;
    Column mask = rows->mask;
    double left = 0;
    for (int64_t s = 0; s < rows->num_rows(); ++s) {
      for (int64_t t = rows->begin[s]; t < rows->begin[s + 1]; ++t) {
        if (!(rows->adv[t] > 0 && rows->reward[s] > 0)) mask[t] = 0;
        left += mask[t];
      }
    }
    if (left > 0) rows->mask = mask;
  }
};
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_ADVANTAGE_AEPO_H_
