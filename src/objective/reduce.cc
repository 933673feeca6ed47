#include "objective/reduce.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "base/error.h"

namespace rlvr {
namespace {

// NaN has no place in an order.
void RefuseNan(double x) {
  if (!std::isnan(x)) return;
  throw Error("objective", "a statistic of the batch is not a number",
              "the policy has diverged: lower update.lr or update.grad_clip");
}

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::for_each(sorted.begin(), sorted.end(), RefuseNan);
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

Grouping RowsBy(Scope scope, const Rows& rows) {
  Grouping by;
  const int64_t S = rows.num_rows();
  const std::vector<int32_t> group = GroupOfRows(rows);
  by.id.resize(static_cast<size_t>(S));
  for (int64_t s = 0; s < S; ++s) {
    switch (scope) {
      case Scope::kToken:
      case Scope::kResponse:
        by.id[s] = static_cast<int32_t>(s);
        break;
      case Scope::kGroup:
        by.id[s] = group[s];
        break;
      case Scope::kFamily:
        by.id[s] = rows.family[group[s]];
        break;
      case Scope::kTask:
        by.id[s] = rows.task[group[s]];
        break;
      case Scope::kBatch:
        by.id[s] = 0;
        break;
    }
    by.count = std::max(by.count, by.id[s] + 1);
  }
  return by;
}

Grouping TokensBy(Scope scope, const Rows& rows) {
  const int64_t T = rows.num_tokens();
  Grouping by;
  by.id.resize(static_cast<size_t>(T));
  if (scope == Scope::kToken) {
    std::iota(by.id.begin(), by.id.end(), 0);
    by.count = static_cast<int32_t>(T);
    return by;
  }
  const Grouping of_rows = RowsBy(scope, rows);
  for (int64_t s = 0; s < rows.num_rows(); ++s)
    std::fill(by.id.begin() + rows.begin[s], by.id.begin() + rows.begin[s + 1], of_rows.id[s]);
  by.count = of_rows.count;
  return by;
}

double OrderFreeSum(std::span<const double> values) {
  const std::vector<double> sorted = Sorted(values);
  return std::accumulate(sorted.begin(), sorted.end(), 0.0);
}

Column Reduce(const Grouping& by, const Column& x, const Column& mask,
              const std::function<double(std::span<const double>)>& f, double fallback) {
  RLVR_CHECK(by.id.size() == x.size() && mask.size() == x.size())
      << by.id.size() << " " << x.size() << " " << mask.size();
  std::vector<std::vector<double>> shown(static_cast<size_t>(by.count));
  for (size_t i = 0; i < x.size(); ++i) {
    if (mask[i] != 0) shown[static_cast<size_t>(by.id[i])].push_back(x[i]);
  }
  std::vector<double> result(shown.size(), fallback);
  for (size_t i = 0; i < shown.size(); ++i) {
    if (!shown[i].empty()) result[i] = f(shown[i]);
  }
  Column out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = result[static_cast<size_t>(by.id[i])];
  return out;
}

double MeanOf(std::span<const double> v) {
  return v.empty() ? 0 : OrderFreeSum(v) / static_cast<double>(v.size());
}

double StdOf(std::span<const double> v, int bessel) {
  const auto n = static_cast<int>(v.size());
  if (n <= bessel) return 0;
  // Equal values are equal exactly: rounding in the mean must not look like variety.
  if (std::all_of(v.begin(), v.end(), [&](double x) { return x == v[0]; })) return 0;
  const double mean = MeanOf(v);
  std::vector<double> squares;
  for (const double x : v) squares.push_back((x - mean) * (x - mean));
  return std::sqrt(OrderFreeSum(squares) / (n - bessel));
}

double QuantileOf(std::span<const double> v, double level) {
  RLVR_CHECK(!v.empty() && level >= 0 && level <= 1) << level;
  const std::vector<double> sorted = Sorted(v);
  const double at = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

double MinOf(std::span<const double> v) { return *std::min_element(v.begin(), v.end()); }
double MaxOf(std::span<const double> v) { return *std::max_element(v.begin(), v.end()); }

Column Mean(const Grouping& by, const Column& x, const Column& mask) {
  return Reduce(by, x, mask, MeanOf);
}
Column Std(const Grouping& by, const Column& x, const Column& mask, int bessel) {
  return Reduce(by, x, mask, [bessel](auto v) { return StdOf(v, bessel); });
}
Column Quantile(const Grouping& by, const Column& x, const Column& mask, double level) {
  return Reduce(by, x, mask, [level](auto v) { return QuantileOf(v, level); });
}
Column Min(const Grouping& by, const Column& x, const Column& mask) {
  return Reduce(by, x, mask, MinOf);
}
Column Max(const Grouping& by, const Column& x, const Column& mask) {
  return Reduce(by, x, mask, MaxOf);
}
Column Count(const Grouping& by, const Column& mask) {
  return Reduce(by, mask, mask, [](auto v) { return static_cast<double>(v.size()); });
}

Column Whiten(const Grouping& by, const Column& x, const Column& mask) {
  const Column mean = Mean(by, x, mask), std = Std(by, x, mask, 1), n = Count(by, mask);
  Column out(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    out[i] = n[i] <= 1 ? 0 : (x[i] - mean[i]) / std::sqrt(std[i] * std[i] + 1e-8);
  return out;
}

Column TopMask(const Grouping& by, const Column& x, const Column& mask, const Rows& rows,
               const std::function<int64_t(int64_t)>& keep) {
  RLVR_CHECK(static_cast<int64_t>(x.size()) == rows.num_tokens());
  const std::vector<int32_t> row = RowOfTokens(rows), group = GroupOfRows(rows);
  std::vector<std::vector<int64_t>> shown(static_cast<size_t>(by.count));
  for (size_t i = 0; i < x.size(); ++i) {
    if (mask[i] == 0) continue;
    RefuseNan(x[i]);
    shown[static_cast<size_t>(by.id[i])].push_back(static_cast<int64_t>(i));
  }
  const auto key = [&](int64_t t) {
    const int32_t s = row[t], g = group[s];
    return std::tuple(-x[t], rows.prompt[g], rows.occurrence[g], rows.sample[s], t - rows.begin[s]);
  };
  Column top(x.size(), 0.0);
  for (auto& tokens : shown) {
    const auto n = static_cast<int64_t>(tokens.size());
    const int64_t k = std::clamp<int64_t>(keep(n), 0, n);
    if (k == 0) continue;
    std::nth_element(tokens.begin(), tokens.begin() + (k - 1), tokens.end(),
                     [&](int64_t a, int64_t b) { return key(a) < key(b); });
    for (int64_t i = 0; i < k; ++i) top[tokens[i]] = 1;
  }
  return top;
}

Column Spread(const Rows& rows, const Column& per_row) {
  RLVR_CHECK(static_cast<int64_t>(per_row.size()) == rows.num_rows());
  Column out(static_cast<size_t>(rows.num_tokens()));
  for (int64_t s = 0; s < rows.num_rows(); ++s)
    std::fill(out.begin() + rows.begin[s], out.begin() + rows.begin[s + 1], per_row[s]);
  return out;
}

Column RowSum(const Rows& rows, const Column& x, const Column& mask) {
  Column out(static_cast<size_t>(rows.num_rows()), 0.0);
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
      if (mask[t] != 0) out[s] += x[t];
    }
  }
  return out;
}

Column RowMean(const Rows& rows, const Column& x, const Column& mask) {
  Column out = RowSum(rows, x, mask);
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    double n = 0;
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) n += mask[t] != 0;
    if (n > 0) out[s] /= n;
  }
  return out;
}

}  // namespace rlvr
