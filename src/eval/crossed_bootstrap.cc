#include "eval/crossed_bootstrap.h"

#include <algorithm>

#include "base/error.h"

namespace rlvr {

Interval CrossedBootstrap(const SeedsByPrompts& values, RandomKey key) {
  RLVR_CHECK(!values.empty() && !values[0].empty());
  const auto num_seeds = static_cast<int64_t>(values.size());
  const auto num_prompts = static_cast<int64_t>(values[0].size());
  for (const auto& row : values)
    RLVR_CHECK(static_cast<int64_t>(row.size()) == num_prompts) << row.size() << num_prompts;

  // The mean of a crossing is the mean over its prompts of the mean over its seeds.
  const double cells = static_cast<double>(num_seeds) * static_cast<double>(num_prompts);
  Interval interval;
  double total = 0;
  for (const auto& row : values) {
    for (const double v : row) total += v;
  }
  interval.mean = total / cells;

  constexpr int kResamples = 1000;  // as BootstrapMean
  std::vector<double> means(kResamples);
  Random prompts(key), seeds(key[0]);
  std::vector<double> column(static_cast<size_t>(num_prompts));  // sums over the drawn seeds
  for (double& mean : means) {
    std::fill(column.begin(), column.end(), 0.0);
    for (int64_t s = 0; s < num_seeds; ++s) {
      const auto& row = values[static_cast<size_t>(seeds.Int(0, num_seeds - 1))];
      for (size_t p = 0; p < column.size(); ++p) column[p] += row[p];
    }
    double sum = 0;
    for (int64_t p = 0; p < num_prompts; ++p)
      sum += column[static_cast<size_t>(prompts.Int(0, num_prompts - 1))];
    mean = sum / cells;
  }
  std::sort(means.begin(), means.end());
  interval.low = means[25];
  interval.high = means[974];
  return interval;
}

Interval PairedBootstrap(const SeedsByPrompts& a, const SeedsByPrompts& b, RandomKey key) {
  RLVR_CHECK(a.size() == b.size()) << a.size() << " " << b.size();
  SeedsByPrompts difference = a;
  for (size_t s = 0; s < a.size(); ++s) {
    RLVR_CHECK(a[s].size() == b[s].size()) << a[s].size() << " " << b[s].size();
    for (size_t p = 0; p < a[s].size(); ++p) difference[s][p] -= b[s][p];
  }
  return CrossedBootstrap(difference, key);
}

}  // namespace rlvr
