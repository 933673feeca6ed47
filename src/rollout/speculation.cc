#include "rollout/speculation.h"

#include <algorithm>
#include <cmath>

namespace rlvr {
namespace {

// Exact up to 8 rows, then 8 to a doubling.
int BucketOf(int64_t rows) {
  if (rows <= 8) return static_cast<int>(rows);
  return static_cast<int>(std::floor(8 * std::log2(static_cast<double>(rows)))) - 16;
}

}  // namespace

void PassCosts::Add(int64_t rows, double seconds) {
  ++pass_;
  Measured& m = measured_[BucketOf(rows)];
  const bool fresh = Fresh(m);
  if (fresh) {
    const double ratio = std::min(seconds / m.seconds, 2 * slowness_);  // more is an accident
    slowness_ += 0.2 * (ratio - slowness_);
    seconds = ratio * m.seconds;
  }
  seconds /= slowness_;
  ++m.count;
  m.pass = pass_;
  const double weight = std::max(fresh ? 0.1 : 0.5, 1 / static_cast<double>(m.count));
  m.rows += weight * (static_cast<double>(rows) - m.rows);
  m.seconds += weight * (seconds - m.seconds);
}

// A single measurement may have been an accident: it is trusted for less long.
bool PassCosts::Fresh(const Measured& m) const {
  return m.count > 0 &&
         pass_ - m.pass <= std::min<int64_t>(512, 32 << std::min<int64_t>(m.count, 5));
}

double PassCosts::Seconds(int64_t rows) const {
  const auto n = static_cast<double>(rows);
  const Measured *below = nullptr, *above = nullptr;
  for (const auto& [bucket, m] : measured_) {
    if (!Fresh(m)) continue;
    if (m.rows <= n || (below == nullptr && bucket == BucketOf(rows))) below = &m;
    if (m.rows > n && above == nullptr) above = &m;
  }
  if (below == nullptr) return 0;
  if (n <= below->rows) return below->seconds;
  double slope = 0;
  if (above != nullptr) {
    slope = (above->seconds - below->seconds) / (above->rows - below->rows);
  } else {
    const auto half = static_cast<int64_t>(below->rows) / 2;
    const double seconds = Seconds(half);
    if (seconds > 0) {
      slope = std::clamp((below->seconds - seconds) / (below->rows - static_cast<double>(half)),
                         0.0, below->seconds / below->rows);
    }
  }
  return below->seconds + slope * (n - below->rows);
}

int64_t PassCosts::most_rows() const {
  double most = 0;
  for (const auto& [bucket, m] : measured_) {
    if (Fresh(m)) most = std::max(most, m.rows);
  }
  return static_cast<int64_t>(2 * most);
}

// Order, mass and margin.
size_t AcceptanceRates::ClassOf(const DraftToken& draft) {
  const auto rank = [](double value, std::span<const double> borders) {
    return static_cast<size_t>(std::upper_bound(borders.begin(), borders.end(), value) -
                               borders.begin());
  };
  constexpr double kMasses[kMassClasses - 1] = {0.3, 0.6, 0.85, 0.97};
  constexpr double kMargins[kMarginClasses - 1] = {0.02, 0.1};
  const auto order = static_cast<size_t>(draft.order);
  return (order * kMassClasses + rank(draft.mass, kMasses)) * kMarginClasses +
         rank(draft.margin, kMargins);
}

double AcceptanceRates::Rate(const DraftToken& draft) const {
  constexpr double kGuesses = 4;
  const Counts& c = counts_[ClassOf(draft)];
  return (c.accepted + kGuesses * 0.9 * std::max(draft.mass, 0.3)) / (c.tried + kGuesses);
}

void AcceptanceRates::Add(const DraftToken& draft, bool accepted) {
  Counts& c = counts_[ClassOf(draft)];
  if (c.tried >= 512) {  // the policy changes: what is recent counts more
    c.tried /= 2;
    c.accepted /= 2;
  }
  c.tried += 1;
  c.accepted += accepted ? 1 : 0;
}

int64_t NumDrafts(int64_t rows, std::span<const double> gains, double search,
                  const PassCosts& costs) {
  const double plain = costs.Seconds(rows);
  if (plain == 0) return 0;  // to be measured first
  const auto n =
      std::min(static_cast<int64_t>(gains.size()), std::max<int64_t>(0, costs.most_rows() - rows));
  double best = kLeastGain * static_cast<double>(rows) / plain;
  double tokens = static_cast<double>(rows);
  int64_t chosen = 0;
  for (int64_t i = 0; i < n; ++i) {
    tokens += gains[static_cast<size_t>(i)];
    const double rate = tokens / (search + costs.Seconds(rows + i + 1));
    if (rate <= best) continue;
    best = rate;
    chosen = i + 1;
  }
  return chosen;
}

double CostOfRow(int64_t rows, const PassCosts& costs) {
  const double plain = costs.Seconds(rows);
  if (plain == 0) return 0;
  return std::min(costs.Seconds(2 * rows) / plain - 1, (costs.Seconds(4 * rows) / plain - 1) / 3);
}

}  // namespace rlvr
