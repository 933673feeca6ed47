#include "objective/scopes.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace rlvr {

Grouping RowsByKey(const Rows& rows, std::span<const int64_t> key) {
  RLVR_CHECK(static_cast<int64_t>(key.size()) == rows.num_groups());
  std::map<int64_t, int32_t> ids;
  Grouping by;
  for (const int32_t g : GroupOfRows(rows))
    by.id.push_back(ids.emplace(key[g], static_cast<int32_t>(ids.size())).first->second);
  by.count = static_cast<int32_t>(ids.size());
  return by;
}

Grouping TokensByKey(const Rows& rows, std::span<const int64_t> key) {
  const Grouping of_rows = RowsByKey(rows, key);
  Grouping by;
  for (const int32_t s : RowOfTokens(rows)) by.id.push_back(of_rows.id[s]);
  by.count = of_rows.count;
  return by;
}

Grouping TokensByTurn(const Rows& rows) {
  Grouping by;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      if (t == rows.begin[s] || rows.turn[t] != rows.turn[t - 1]) ++by.count;
      by.id.push_back(by.count - 1);
    }
  }
  return by;
}

Column Ranks(const Grouping& by, const Column& x, const Column& mask) {
  RLVR_CHECK(by.id.size() == x.size() && mask.size() == x.size());
  std::vector<std::vector<size_t>> shown(static_cast<size_t>(by.count));
  for (size_t i = 0; i < x.size(); ++i) {
    if (mask[i] == 0) continue;
    RLVR_CHECK(x[i] == x[i]) << "NaN has no rank";
    shown[static_cast<size_t>(by.id[i])].push_back(i);
  }
  Column rank(x.size(), 0.0);
  for (auto& scope : shown) {
    std::sort(scope.begin(), scope.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
    for (size_t first = 0, last = 0; first < scope.size(); first = last) {
      while (last < scope.size() && x[scope[last]] == x[scope[first]]) ++last;
      // Ranks first + 1 .. last.
      const double mean = static_cast<double>(first + 1 + last) / 2;
      for (size_t i = first; i < last; ++i) rank[scope[i]] = mean;
    }
  }
  return rank;
}

History::History(RunState* state, const std::string& key, int64_t steps)
    : values_(&state->values[key]),
      sizes_(&state->values[key + "/sizes"]),
      steps_(static_cast<size_t>(steps)) {
  RLVR_CHECK(steps > 0) << key;
}

void History::Add(std::span<const double> values) {
  const auto before = static_cast<ptrdiff_t>(values_->size());
  values_->insert(values_->end(), values.begin(), values.end());
  std::sort(values_->begin() + before, values_->end());
  sizes_->push_back(static_cast<double>(values.size()));
  while (sizes_->size() > steps_) {
    values_->erase(values_->begin(), values_->begin() + static_cast<ptrdiff_t>(sizes_->front()));
    sizes_->erase(sizes_->begin());
  }
}

}  // namespace rlvr
