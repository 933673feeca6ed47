#include "objective/stage.h"

#include <algorithm>

#include "base/error.h"

namespace rlvr {
namespace {

void AddStatistics(const std::vector<Statistic>& from, std::vector<Statistic>* to) {
  for (const Statistic& s : from) {
    if (std::find(to->begin(), to->end(), s) == to->end()) to->push_back(s);
  }
}

}  // namespace

void Needs::Add(const Needs& other) {
  AddStatistics(other.statistics, &statistics);
  AddStatistics(other.behaviour, &behaviour);
  reference = reference || other.reference;
  values = values || other.values;
  process_reward = process_reward || other.process_reward;
}

bool Needs::second_model() const {
  return std::any_of(statistics.begin(), statistics.end(), ReadsSecondModel) ||
         std::any_of(behaviour.begin(), behaviour.end(), ReadsSecondModel);
}

const Field& TokenFields::Get(const Statistic& statistic) const {
  const auto it = more.find(ToString(statistic));
  RLVR_CHECK(it != more.end()) << ToString(statistic) << " was not declared in needs().statistics";
  return it->second;
}

Field TokenFields::RowSum(const Field& x) const {
  const std::vector<char> counted(mask.begin(), mask.end());
  return SegmentSum(Where(counted, x, Constant({0})), rows.begin);
}

Field TokenFields::RowMean(const Field& x) const {
  std::vector<double> inverse(static_cast<size_t>(rows.num_rows()), 0.0);
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    double n = 0;
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) n += mask[t];
    if (n > 0) inverse[s] = 1 / n;
  }
  return RowSum(x) * Constant(std::move(inverse));
}

Field TokenFields::TokenMean(const Field& x) const {
  const std::vector<char> counted(mask.begin(), mask.end());
  double tokens = 0;
  for (const double m : mask) tokens += m;
  return Sum(Where(counted, x, Constant({0}))) / std::max(tokens, 1.0);
}

Field TokenFields::RowMeanMean(const Field& x) const {
  double sequences = 0;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    const auto from = mask.begin() + rows.begin[s], to = mask.begin() + rows.begin[s + 1];
    sequences += std::any_of(from, to, [](double m) { return m != 0; });
  }
  return Sum(RowMean(x)) / std::max(sequences, 1.0);
}

Field TokenFields::Spread(const Field& per_row) const { return Broadcast(per_row, rows.begin); }

}  // namespace rlvr
