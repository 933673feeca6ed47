#include "model/statistic/token_set.h"

#include <algorithm>
#include <numeric>

namespace rlvr {

std::span<const float> ProbsOf(const StatisticRow& row) {
  thread_local std::vector<float> probs;
  probs.resize(row.logits.size());
  RowWeights(row.logits, row.stats, row.temperature, probs);
  const float inverse_sum = 1.0f / row.stats.sum;
  for (float& p : probs) p *= inverse_sum;
  return probs;
}

namespace {
// A total order, so that any algorithm of selection gives the same set.
auto Likelier(const StatisticRow& row) {
  return [&](int32_t a, int32_t b) {
    return row.logits[a] != row.logits[b] ? row.logits[a] > row.logits[b] : a < b;
  };
}
}  // namespace

std::vector<int32_t> LikeliestTokens(const StatisticRow& row, int64_t k) {
  std::vector<int32_t> ids(row.logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  if (k < static_cast<int64_t>(ids.size())) {
    std::nth_element(ids.begin(), ids.begin() + k, ids.end(), Likelier(row));
    ids.resize(static_cast<size_t>(k));
    std::sort(ids.begin(), ids.end());
  }
  return ids;
}

std::vector<int32_t> Nucleus(const StatisticRow& row, float mass, bool open) {
  const std::span<const float> p = ProbsOf(row);
  // Tokens below (1 - mass) / V hold less than 1 - mass together, so the nucleus needs none of
  // them; half of that leaves room for rounding.
  const float floor = 0.5f * (1 - mass) / static_cast<float>(p.size());
  std::vector<int32_t> ids;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] >= floor) ids.push_back(static_cast<int32_t>(i));
  }
  std::sort(ids.begin(), ids.end(), Likelier(row));
  double sum = 0;
  size_t n = 0;
  while (n < ids.size() && sum < mass) sum += p[ids[n++]];
  if (open && sum >= mass) --n;
  ids.resize(n);
  return ids;
}

}  // namespace rlvr
