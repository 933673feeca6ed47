#include "model/head.h"

#include <algorithm>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/statistic/entropy.h"
#include "model/statistic/logp.h"
#include "model/statistic/max_prob.h"

namespace rlvr {
namespace {

// Rows of logits that exist at once: about 16 MB, and whole chunks of the weight gradient's sum
// where they fit.
int64_t ChunkRows(int64_t vocab) {
  return std::clamp<int64_t>((int64_t{4} << 20) / vocab, 16, kGemmChunk);
}

// Calls body(begin, end) on chunks of [0, rows) that cross no unit's border.
template <class Body>
void ForChunks(std::span<const int64_t> unit_begin, int64_t chunk, Body body) {
  for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
    for (int64_t r = unit_begin[u]; r < unit_begin[u + 1]; r += chunk)
      body(r, std::min(r + chunk, unit_begin[u + 1]));
  }
}

}  // namespace

const char* ToString(Statistic statistic) {
  switch (statistic) {
    case Statistic::kLogp:
      return "logp";
    case Statistic::kEntropy:
      return "entropy";
    case Statistic::kMaxProb:
      return "max_prob";
  }
  return "?";
}

float StatisticValue(Statistic s, const RowStats& stats, std::span<const float> logits,
                     int32_t token, float temperature) {
  switch (s) {
    case Statistic::kLogp:
      return LogpStatistic::Value(stats, logits, token, temperature);
    case Statistic::kEntropy:
      return EntropyStatistic::Value(stats, logits, token, temperature);
    case Statistic::kMaxProb:
      return MaxProbStatistic::Value(stats, logits, token, temperature);
  }
  return 0;
}

StatisticGradient StatisticBackward(Statistic s, const RowStats& stats, float coefficient,
                                    int32_t token) {
  switch (s) {
    case Statistic::kLogp:
      return LogpStatistic::Backward(stats, coefficient, token);
    case Statistic::kEntropy:
      return EntropyStatistic::Backward(stats, coefficient, token);
    case Statistic::kMaxProb:
      return MaxProbStatistic::Backward(stats, coefficient, token);
  }
  return {};
}

void HeadLogits(const Model& model, View<const float> hidden, View<float> logits) {
  MatMul(hidden, model.packed_head(), logits);
}

void HeadForward(const Model& model, View<const float> hidden, std::span<const int32_t> targets,
                 float temperature, std::span<const Statistic> wanted,
                 const std::vector<std::span<float>>& values) {
  const int64_t R = hidden.rows, V = model.config().vocab_size;
  RLVR_CHECK(static_cast<int64_t>(targets.size()) == R && values.size() == wanted.size());
  const int64_t chunk = ChunkRows(V);
  thread_local AlignedBuffer<float> buffer;
  for (int64_t begin = 0; begin < R; begin += chunk) {
    const int64_t rows = std::min(chunk, R - begin);
    buffer.Resize(rows * V);
    const View<float> logits(buffer.data(), rows, V);
    HeadLogits(model, hidden.Rows(begin, begin + rows), logits);
    ParallelFor(rows, 1, [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; ++r) {
        const std::span<const float> row(logits.row(r), static_cast<size_t>(V));
        const RowStats stats = ComputeRowStats(row, temperature);
        for (size_t i = 0; i < wanted.size(); ++i) {
          values[i][begin + r] =
              StatisticValue(wanted[i], stats, row, targets[begin + r], temperature);
        }
      }
    });
  }
}

void HeadBackward(const Model& model, View<const float> hidden, std::span<const int64_t> rows,
                  std::span<const int32_t> targets, float temperature,
                  std::span<const Statistic> wanted,
                  const std::vector<std::span<const float>>& coefficients,
                  std::span<const int64_t> unit_begin, View<float> dhidden, float* gradient,
                  const std::vector<std::span<float>>& values) {
  const int64_t T = hidden.rows, V = model.config().vocab_size, D = hidden.cols;
  const size_t n = rows.size();
  RLVR_CHECK(targets.size() == n && coefficients.size() == wanted.size() && dhidden.rows == T);
  RLVR_CHECK(values.empty() || values.size() == wanted.size());
  const View<float> dweight(gradient + model.layout().lm_head, V, D);
  thread_local AlignedBuffer<float> buffer;
  // First entry of each hidden row.
  std::vector<size_t> entry(static_cast<size_t>(T) + 1, n);
  for (size_t e = n, r = static_cast<size_t>(T); r-- > 0;) {
    while (e > 0 && rows[e - 1] >= static_cast<int64_t>(r)) --e;
    entry[r] = e;
  }
  RLVR_CHECK(std::is_sorted(rows.begin(), rows.end()));
  const float inverse = 1.0f / temperature;
  ForChunks(unit_begin, ChunkRows(V) >= kGemmChunk ? kGemmChunk : ChunkRows(V),
            [&](int64_t begin, int64_t end) {
              buffer.Resize((end - begin) * V);
              const View<float> logits(buffer.data(), end - begin, V);
              HeadLogits(model, hidden.Rows(begin, end), logits);
              ParallelFor(end - begin, 1, [&](int64_t from, int64_t to) {
                for (int64_t r = from; r < to; ++r) {
                  const std::span<float> row(logits.row(r), static_cast<size_t>(V));
                  const size_t first = entry[begin + r], last = entry[begin + r + 1];
                  if (first == last) {
                    std::fill(row.begin(), row.end(), 0.0f);
                    continue;
                  }
                  const RowStats stats = ComputeRowStats(row, temperature);
                  DenseGradient dense;
                  thread_local std::vector<std::pair<int32_t, float>> spikes;
                  spikes.clear();
                  for (size_t e = first; e < last; ++e) {
                    for (size_t i = 0; i < wanted.size(); ++i) {
                      if (!values.empty())
                        values[i][e] =
                            StatisticValue(wanted[i], stats, row, targets[e], temperature);
                      if (coefficients[i][e] == 0) continue;
                      const StatisticGradient g =
                          StatisticBackward(wanted[i], stats, coefficients[i][e], targets[e]);
                      dense.constant += g.dense.constant;
                      dense.log_slope += g.dense.log_slope;
                      if (g.spike_token >= 0) spikes.emplace_back(g.spike_token, g.spike);
                    }
                  }
                  RowGradient(row, stats, temperature, dense, row);
                  for (const auto& [token, spike] : spikes) row[token] += spike * inverse;
                }
              });
              MatMul(logits, model.packed_head_t(), dhidden.Rows(begin, end));
              const int64_t unit[] = {0, end - begin};
              WeightGradient(logits, hidden.Rows(begin, end), unit, model.compute(), dweight);
            });
}

}  // namespace rlvr
