#include "objective/aggregate.h"

#include "base/error.h"

namespace rlvr {

const std::vector<std::string>& Aggregate::Modes() {
  static const std::vector<std::string> modes = {"token_mean", "seq_mean_token_mean",
                                                 "seq_mean_token_sum", "token_sum_norm"};
  return modes;
}

std::vector<double> Aggregate::Weights(const ObjectiveBatch& batch) const {
  std::vector<double> weight(batch.mask);
  for (size_t s = 0; s + 1 < batch.sequence_begin.size(); ++s) {
    double length = 0;
    for (int64_t t = batch.sequence_begin[s]; t < batch.sequence_begin[s + 1]; ++t)
      length += batch.mask[t];
    double denominator = batch.total_tokens;
    if (mode == "seq_mean_token_mean") denominator = batch.total_sequences * length;
    if (mode == "seq_mean_token_sum") denominator = batch.total_sequences;
    if (mode == "token_sum_norm") denominator = batch.total_sequences * constant;
    for (int64_t t = batch.sequence_begin[s]; t < batch.sequence_begin[s + 1]; ++t) {
      if (weight[t] != 0) weight[t] /= denominator;
    }
  }
  return weight;
}

}  // namespace rlvr
