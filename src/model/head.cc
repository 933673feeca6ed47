#include "model/head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "base/thread_pool.h"
#include "model/statistic/entropy.h"
#include "model/statistic/filtered_logp.h"
#include "model/statistic/kl.h"
#include "model/statistic/logit.h"
#include "model/statistic/logit_margin.h"
#include "model/statistic/logp.h"
#include "model/statistic/max_prob.h"
#include "model/statistic/nucleus_entropy.h"
#include "model/statistic/sum_p2.h"
#include "model/statistic/sum_p2_logp.h"
#include "model/statistic/topk_entropy.h"
#include "tensor/elementwise.h"

namespace rlvr {
namespace {

// low > high: no parameter.
struct KindName {
  Statistic::Kind kind;
  const char* name;
  float low = 1, high = 0;
};
constexpr KindName kKinds[] = {
    {Statistic::Kind::kLogp, "logp"},
    {Statistic::Kind::kEntropy, "entropy"},
    {Statistic::Kind::kMaxProb, "max_prob"},
    {Statistic::Kind::kTopkEntropy, "topk_entropy", 1, 1e6f},
    {Statistic::Kind::kNucleusEntropy, "nucleus_entropy", 0, 1},
    {Statistic::Kind::kOpenNucleusEntropy, "open_nucleus_entropy", 0, 1},
    {Statistic::Kind::kFilteredLogp, "filtered_logp", 0, 1},
    {Statistic::Kind::kSumP2, "sum_p2"},
    {Statistic::Kind::kSumP2Logp, "sum_p2_logp"},
    {Statistic::Kind::kLogitMargin, "logit_margin"},
    {Statistic::Kind::kLogit, "logit"},
    {Statistic::Kind::kKlToReference, "kl_to_reference"},
    {Statistic::Kind::kKlFromReference, "kl_from_reference"},
};

// Rows of logits that exist at once: about 64 MB, and whole chunks of the weight gradient's sum
// where they fit. A function of the model alone, because it decides the order of that sum.
int64_t ChunkRows(int64_t vocab) {
  return std::clamp<int64_t>((int64_t{16} << 20) / vocab, 16, kGemmChunk);
}

// One for both directions, which never run within each other.
struct HeadBuffers {
  AlignedBuffer<float> logits, rows;                // [chunk, V], [2, chunk, D]
  AlignedBuffer<float> second_logits, second_rows;  // of the second model
};
HeadBuffers& Buffers() {
  thread_local HeadBuffers buffers;
  return buffers;
}

// The distinct hidden rows that have entries, cut into pieces that cross no unit's border and begin
// at multiples of the chunk within their unit: the terms of one sum of the weight gradient,
// whatever else is in the call.
struct ScoredRows {
  std::vector<int64_t> row;          // [S] rising
  std::vector<size_t> entry;         // [S + 1] first entry of each
  std::vector<int64_t> piece_begin;  // [P + 1], from 0 to S
};

ScoredRows FindScoredRows(std::span<const int64_t> rows, std::span<const int64_t> unit_begin,
                          int64_t chunk) {
  ScoredRows scored;
  size_t unit = 0;
  for (size_t e = 0; e < rows.size(); ++e) {
    const auto s = static_cast<int64_t>(scored.row.size());
    if (s > 0 && rows[e] == scored.row.back()) continue;
    RLVR_CHECK(rows[e] >= (s > 0 ? scored.row.back() : 0) && rows[e] < unit_begin.back())
        << "rows must rise and lie in a unit: " << rows[e];
    const size_t before = unit;
    while (rows[e] >= unit_begin[unit + 1]) ++unit;
    if (s == 0 || unit != before || s - scored.piece_begin.back() == chunk)
      scored.piece_begin.push_back(s);
    scored.row.push_back(rows[e]);
    scored.entry.push_back(e);
  }
  scored.entry.push_back(rows.size());
  scored.piece_begin.push_back(static_cast<int64_t>(scored.row.size()));
  return scored;
}

bool NeedsSecond(std::span<const Statistic> wanted, const SecondRows& second, int64_t vocab) {
  if (std::none_of(wanted.begin(), wanted.end(), ReadsSecondModel)) return false;
  RLVR_CHECK(second.model && second.model->config().vocab_size == vocab);
  return true;
}

// Replaces a row of logits by the gradient of its entries' statistics with respect to it.
struct RowEntries {
  std::span<const int32_t> targets;
  float temperature;
  std::span<const Statistic> wanted;
  const std::vector<std::span<const float>>& coefficients;
  const std::vector<std::span<float>>& values;

  // second: the other model's row, empty without one.
  void Differentiate(size_t first, size_t last, std::span<float> row,
                     std::span<const float> second) const {
    const RowStats stats = ComputeRowStats(row, temperature);
    RowStats second_stats;
    if (!second.empty()) second_stats = ComputeRowStats(second, temperature);
    StatisticRow at{stats, row, 0, temperature, &second_stats, second};
    DenseGradient dense;
    float p_log_q = 0, q = 0;
    thread_local std::vector<std::pair<int32_t, float>> spikes;
    spikes.clear();
    for (size_t e = first; e < last; ++e) {
      at.token = targets[e];
      for (size_t i = 0; i < wanted.size(); ++i) {
        if (!values.empty()) values[i][e] = StatisticValue(wanted[i], at);
        if (coefficients[i][e] == 0) continue;
        const StatisticGradient g = StatisticBackward(wanted[i], at, coefficients[i][e]);
        dense.Add(g.dense);
        p_log_q += g.p_log_q;
        q += g.q;
        spikes.insert(spikes.end(), g.spikes.begin(), g.spikes.end());
        if (g.spike_token >= 0) spikes.emplace_back(g.spike_token, g.spike);
      }
    }
    thread_local std::vector<float> mixed;  // what p and q make together
    const bool mixes = p_log_q != 0 || q != 0;
    if (mixes) MixedGradient(at, p_log_q, q, &mixed);
    RowGradient(row, stats, temperature, dense, row);
    for (const auto& [token, spike] : spikes) row[token] += spike * (1.0f / temperature);
    for (size_t i = 0; mixes && i < row.size(); ++i) row[i] += mixed[i] * (1.0f / temperature);
  }
};

}  // namespace

std::string ToString(const Statistic& statistic) {
  for (const KindName& k : kKinds) {
    if (k.kind != statistic.kind) continue;
    return k.low > k.high ? k.name : fmt::format("{}({})", k.name, statistic.parameter);
  }
  return "?";
}

Statistic ParseStatistic(const std::string& name) {
  const size_t open = name.find('(');
  const std::string base = name.substr(0, open);
  for (const KindName& k : kKinds) {
    if (base != k.name) continue;
    Statistic s{k.kind};
    const bool wanted = k.low <= k.high;
    if (!wanted && open == std::string::npos) return s;
    const char* end = name.data() + name.size() - 1;
    if (wanted && open != std::string::npos && *end == ')') {
      const auto [stop, error] = std::from_chars(name.data() + open + 1, end, s.parameter);
      const bool whole =
          s.kind != Statistic::Kind::kTopkEntropy || s.parameter == std::floor(s.parameter);
      if (error == std::errc() && stop == end && s.parameter >= k.low && s.parameter <= k.high &&
          whole) {
        return s;
      }
    }
    throw Error("statistic", fmt::format("'{}' is not written as its kind is", name),
                wanted ? fmt::format("write {}(x), x from {} to {}", k.name, k.low, k.high)
                       : fmt::format("write {}", k.name));
  }
  std::vector<std::string> names;
  for (const KindName& k : kKinds) names.emplace_back(k.name);
  throw Error("statistic", "there is no statistic '" + name + "'", DidYouMean(base, names));
}

namespace {
// f(struct of the kind): one place that knows which struct belongs to which kind.
template <class F>
auto WithStruct(Statistic::Kind kind, const F& f) {
  using Kind = Statistic::Kind;
  switch (kind) {
    case Kind::kLogp:
      return f(LogpStatistic());
    case Kind::kEntropy:
      return f(EntropyStatistic());
    case Kind::kMaxProb:
      return f(MaxProbStatistic());
    case Kind::kTopkEntropy:
      return f(TopkEntropyStatistic());
    case Kind::kNucleusEntropy:
      return f(NucleusEntropyStatistic());
    case Kind::kOpenNucleusEntropy:
      return f(OpenNucleusEntropyStatistic());
    case Kind::kFilteredLogp:
      return f(FilteredLogpStatistic());
    case Kind::kSumP2:
      return f(SumP2Statistic());
    case Kind::kSumP2Logp:
      return f(SumP2LogpStatistic());
    case Kind::kLogitMargin:
      return f(LogitMarginStatistic());
    case Kind::kKlToReference:
      return f(KlToReferenceStatistic());
    case Kind::kKlFromReference:
      return f(KlFromReferenceStatistic());
    case Kind::kLogit:
      break;
  }
  return f(LogitStatistic());
}
}  // namespace

bool ReadsSecondModel(const Statistic& statistic) {
  return statistic.kind == Statistic::Kind::kKlToReference ||
         statistic.kind == Statistic::Kind::kKlFromReference;
}

float StatisticValue(Statistic s, const StatisticRow& row) {
  return WithStruct(s.kind, [&](auto kind) { return kind.Value(row, s.parameter); });
}

StatisticGradient StatisticBackward(Statistic s, const StatisticRow& row, float coefficient) {
  return WithStruct(s.kind,
                    [&](auto kind) { return kind.Backward(row, s.parameter, coefficient); });
}

int64_t HeadBytes(const ModelConfig& config) {
  return 4 * ChunkRows(config.vocab_size) * (config.vocab_size + 2 * config.hidden_size);
}

int64_t HeadBytesHeld() {
  return Buffers().logits.capacity_bytes() + Buffers().rows.capacity_bytes();
}

void HeadLogits(const Model& model, View<const float> hidden, View<float> logits) {
  MatMul(hidden, model.packed_head(), logits);
}

void HeadForward(const Model& model, View<const float> hidden, std::span<const int32_t> targets,
                 float temperature, std::span<const Statistic> wanted,
                 const std::vector<std::span<float>>& values, const SecondRows& second) {
  const int64_t R = hidden.rows, V = model.config().vocab_size;
  RLVR_CHECK(static_cast<int64_t>(targets.size()) == R && values.size() == wanted.size());
  const bool two = NeedsSecond(wanted, second, V);
  const int64_t chunk = ChunkRows(V);
  HeadBuffers& buffers = Buffers();
  for (int64_t begin = 0; begin < R; begin += chunk) {
    const int64_t rows = std::min(chunk, R - begin);
    buffers.logits.Resize(rows * V);
    const View<float> logits(buffers.logits.data(), rows, V);
    HeadLogits(model, hidden.Rows(begin, begin + rows), logits);
    if (two) buffers.second_logits.Resize(rows * V);
    const View<float> second_logits(buffers.second_logits.data(), two ? rows : 0, V);
    if (two) HeadLogits(*second.model, second.hidden.Rows(begin, begin + rows), second_logits);
    ParallelFor(rows, 1, [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; ++r) {
        const std::span<const float> row(logits.row(r), static_cast<size_t>(V));
        const RowStats stats = ComputeRowStats(row, temperature);
        StatisticRow at{stats, row, targets[begin + r], temperature};
        RowStats second_stats;
        if (two) {
          at.second_logits = {second_logits.row(r), static_cast<size_t>(V)};
          second_stats = ComputeRowStats(at.second_logits, temperature);
          at.second_stats = &second_stats;
        }
        for (size_t i = 0; i < wanted.size(); ++i)
          values[i][begin + r] = StatisticValue(wanted[i], at);
      }
    });
  }
}

void HeadBackward(const Model& model, View<const float> hidden, std::span<const int64_t> rows,
                  std::span<const int32_t> targets, float temperature,
                  std::span<const Statistic> wanted,
                  const std::vector<std::span<const float>>& coefficients,
                  std::span<const int64_t> unit_begin, View<float> dhidden, float* gradient,
                  const std::vector<std::span<float>>& values, float* tied_gradient,
                  const SecondRows& second) {
  const int64_t T = hidden.rows, V = model.config().vocab_size, D = hidden.cols;
  RLVR_CHECK(targets.size() == rows.size() && coefficients.size() == wanted.size());
  RLVR_CHECK(values.empty() || values.size() == wanted.size());
  RLVR_CHECK(dhidden.rows == T && !unit_begin.empty() && unit_begin.back() == T);
  for (int64_t t = 0; t < T; ++t) std::fill(dhidden.row(t), dhidden.row(t) + D, 0.0f);
  const bool apart = tied_gradient && model.config().tie_word_embeddings;
  const bool trained = !model.lora();
  const View<float> dweight =
      trained ? View<float>(apart ? tied_gradient : gradient + model.layout().lm_head, V, D)
              : View<float>();
  const RowEntries entries{targets, temperature, wanted, coefficients, values};
  const bool two = NeedsSecond(wanted, second, V);
  const int64_t chunk = ChunkRows(V);
  const ScoredRows scored = FindScoredRows(rows, unit_begin, chunk);
  HeadBuffers& buffers = Buffers();
  std::vector<int64_t> pieces;  // of one pass, as units
  for (size_t p = 0; p + 1 < scored.piece_begin.size();) {
    const int64_t begin = scored.piece_begin[p];
    pieces.assign(1, 0);
    while (p + 1 < scored.piece_begin.size() &&
           (pieces.size() == 1 || scored.piece_begin[p + 1] - begin <= chunk)) {
      pieces.push_back(scored.piece_begin[++p] - begin);
    }
    const int64_t n = pieces.back();
    buffers.logits.Resize(n * V);
    buffers.rows.Resize(2 * n * D);
    const View<float> logits(buffers.logits.data(), n, V), x(buffers.rows.data(), n, D),
        dx(buffers.rows.data() + n * D, n, D);
    for (int64_t r = 0; r < n; ++r) std::copy_n(hidden.row(scored.row[begin + r]), D, x.row(r));
    HeadLogits(model, x, logits);
    if (two) buffers.second_logits.Resize(n * V);
    const View<float> second_logits(buffers.second_logits.data(), two ? n : 0, V);
    if (two) {
      const int64_t D2 = second.hidden.cols;
      buffers.second_rows.Resize(n * D2);
      const View<float> y(buffers.second_rows.data(), n, D2);
      for (int64_t r = 0; r < n; ++r)
        std::copy_n(second.hidden.row(scored.row[begin + r]), D2, y.row(r));
      HeadLogits(*second.model, y, second_logits);
    }
    ParallelFor(n, 1, [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; ++r) {
        std::span<const float> other;
        if (two) other = {second_logits.row(r), static_cast<size_t>(V)};
        entries.Differentiate(scored.entry[begin + r], scored.entry[begin + r + 1],
                              {logits.row(r), static_cast<size_t>(V)}, other);
      }
    });
    MatMul(logits, model.packed_head_t(), dx);
    if (trained) WeightGradient(logits, x, pieces, model.compute(), dweight);
    for (int64_t r = 0; r < n; ++r) std::copy_n(dx.row(r), D, dhidden.row(scored.row[begin + r]));
  }
}

void AddTiedGradient(const Model& model, float* tied_gradient, float* gradient) {
  if (!model.config().tie_word_embeddings || model.config().value_head || model.lora()) return;
  const int64_t V = model.config().vocab_size, D = model.config().hidden_size;
  AddInPlace({tied_gradient, V, D}, {gradient + model.layout().embed, V, D});
  std::fill(tied_gradient, tied_gradient + V * D, 0.0f);
}

}  // namespace rlvr
