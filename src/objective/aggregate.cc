#include "objective/aggregate.h"

namespace rlvr {

const std::vector<std::string>& Aggregate::Modes() {
  static const std::vector<std::string> modes = {
      "token_mean", "seq_mean_token_mean", "seq_mean_token_sum", "token_sum_norm", "token_sum"};
  return modes;
}

std::vector<double> Aggregate::Weights(const std::vector<int64_t>& begin,
                                       const std::vector<double>& mask,
                                       const Totals& totals) const {
  std::vector<double> weight(mask);
  for (size_t s = 0; s + 1 < begin.size(); ++s) {
    double length = 0;
    for (int64_t t = begin[s]; t < begin[s + 1]; ++t) length += mask[t];
    double denominator = totals.tokens;
    if (mode == "seq_mean_token_mean") denominator = totals.sequences * length;
    if (mode == "seq_mean_token_sum") denominator = totals.sequences;
    if (mode == "token_sum_norm") denominator = totals.sequences * constant;
    if (mode == "token_sum") denominator = constant;
    for (int64_t t = begin[s]; t < begin[s + 1]; ++t) {
      if (weight[t] != 0) weight[t] /= denominator;
    }
  }
  return weight;
}

}  // namespace rlvr
