// One forward for decode, prefill and training.
#include <algorithm>
#include <atomic>

#include "base/thread_pool.h"
#include "model/layer_forward.h"
#include "tensor/elementwise.h"
#include "tensor/rms_norm.h"

namespace rlvr {
namespace {

// Threads run pieces of a batch through all layers by themselves where each piece has so many rows,
// or where all of a pass's weights stay in the caches: every thread reads them all.
constexpr int64_t kPieceRows = 512;
constexpr int64_t kFewRows = 16;  // from here on a thread takes two smaller pieces
constexpr int64_t kCachedWeights = 16 << 20;
// Longest piece's share of a thread's, from which on waiting at its end costs more than waiting
// after every kernel.
constexpr double kMostUneven = 1.1;

int64_t ForwardWeightBytes(const Model& model) {
  int64_t bytes = 0;
  for (const Model::PackedLayer& p : model.packed_layers())
    bytes += p.qkv.bytes() + p.o.bytes() + p.gate_up.bytes() + p.down.bytes();
  return bytes;
}

// Borders of the pieces, whole units each, from 0 to T; one piece where that is better.
std::vector<int64_t> PieceBorders(const Model& model, const TokenBatch& batch) {
  const int64_t T = batch.size(), threads = NumThreads();
  const std::vector<int64_t>& units = batch.unit_begin;
  const std::vector<int64_t> whole = {0, T};
  if (threads == 1 || InParallelFor() || units.size() < 3 || units.back() != T) return whole;
  const int64_t rounds = std::max(
      {int64_t{1}, std::min<int64_t>(2, T / (threads * kFewRows)), T / (threads * kPieceRows)});
  if (T / threads < kPieceRows && ForwardWeightBytes(model) > kCachedWeights) return whole;
  const double goal = static_cast<double>(T) / static_cast<double>(threads * rounds);
  std::vector<int64_t> borders = {0};
  for (size_t u = 1; u + 1 < units.size(); ++u) {
    const double to = goal * static_cast<double>(borders.size());
    const bool nearest = static_cast<double>(units[u] + units[u + 1]) / 2 >= to;
    if (nearest && units[u] > borders.back()) borders.push_back(units[u]);
  }
  if (borders.back() < T) borders.push_back(T);
  // Pieces go to whoever is free, in order.
  std::vector<int64_t> load(static_cast<size_t>(threads), 0);
  for (size_t p = 0; p + 1 < borders.size(); ++p)
    *std::min_element(load.begin(), load.end()) += borders[p + 1] - borders[p];
  const auto longest = static_cast<double>(*std::max_element(load.begin(), load.end()));
  const bool even = longest * static_cast<double>(threads) <= kMostUneven * static_cast<double>(T);
  return even ? borders : whole;
}

// Rows [begin, end) of the batch; their runs go to `runs`.
BatchRows RowsOf(const TokenBatch& batch, int64_t begin, int64_t end,
                 std::vector<AttentionRun>* runs) {
  const auto n = static_cast<size_t>(end - begin), first = static_cast<size_t>(begin);
  const auto& all = batch.table.runs;
  auto run = std::lower_bound(all.begin(), all.end(), begin,
                              [](const AttentionRun& r, int64_t row) { return r.row < row; });
  runs->clear();
  for (; run != all.end() && run->row < end; ++run) {
    runs->push_back(*run);
    runs->back().row -= begin;
  }
  return {begin,
          end,
          std::span(batch.tokens).subspan(first, n),
          std::span(batch.positions).subspan(first, n),
          std::span(batch.slots).subspan(first, n),
          batch.table.blocks,
          *runs};
}

// What a pass leaves behind; without `saved` nothing.
struct Saved {
  Activations* saved;
  std::vector<LayerViews> layers;  // [L], empty with recompute
  std::vector<View<float>> input;  // [L] of [T, D]
  View<float> output, output_rstd;
};

Saved AllocateSaved(const ModelConfig& c, int64_t T, Activations* saved) {
  Saved s{saved, {}, {}, {}, {}};
  if (!saved) return s;
  saved->layers.resize(static_cast<size_t>(c.num_hidden_layers));
  for (Activations::Layer& layer : saved->layers) {
    s.input.push_back(Sized(layer.input, T, c.hidden_size));
    if (!saved->recompute) s.layers.push_back(Allocate(c, T, &layer));
  }
  s.output = Sized(saved->output, T, c.hidden_size);
  s.output_rstd = Sized(saved->output_rstd, T, 1);
  return s;
}

void ForwardRows(const Model& model, const BatchRows& rows, const KvCache& cache, Workspace& ws,
                 const Saved& saved, View<float> hidden) {
  const ModelConfig& c = model.config();
  const int64_t T = rows.size(), D = c.hidden_size;
  View<float> x = Sized(ws.x, T, D);
  Embedding(model.Matrix(model.layout().embed, c.vocab_size, D), rows.tokens, x);
  const bool keep = !saved.layers.empty();
  LayerViews a = keep ? LayerViews() : Allocate(c, T, &ws.layer);
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) {
    if (keep) a = saved.layers[l].Rows(rows.begin, rows.end);
    if (saved.saved) Copy(x, saved.input[l].Rows(rows.begin, rows.end));
    AttentionHalf(model, l, rows, cache.layer(l), true, ws, a, x);
    if (keep) Copy(x, a.middle);
    FeedForwardHalf(model, l, ws, a, x);
  }
  View<float> rstd;
  if (saved.saved) {
    Copy(x, saved.output.Rows(rows.begin, rows.end));
    rstd = saved.output_rstd.Rows(rows.begin, rows.end);
  }
  RmsNorm(x, model.Matrix(model.layout().final_norm, 1, D), static_cast<float>(c.rms_norm_eps),
          hidden, rstd);
}

}  // namespace

void Forward(const Model& model, const TokenBatch& batch, KvCache& cache, Workspace& ws,
             Activations* saved, View<float> hidden) {
  const int64_t T = batch.size();
  RLVR_CHECK(hidden.rows == T && hidden.cols == model.config().hidden_size);
  if (T == 0) return;
  const Saved arrays = AllocateSaved(model.config(), T, saved);
  const std::vector<int64_t> borders = PieceBorders(model, batch);
  const auto pieces = static_cast<int64_t>(borders.size()) - 1;
  if (pieces == 1) return ForwardRows(model, AllRows(batch), cache, ws, arrays, hidden);
  const int64_t workers = std::min<int64_t>(pieces, NumThreads());
  if (static_cast<int64_t>(ws.workers.size()) < workers)
    ws.workers.resize(static_cast<size_t>(workers));
  std::atomic<int64_t> next = 0;
  ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      Workspace& own = ws.workers[static_cast<size_t>(w)];
      for (int64_t p = next++; p < pieces; p = next++) {
        const int64_t from = borders[static_cast<size_t>(p)],
                      to = borders[static_cast<size_t>(p) + 1];
        ForwardRows(model, RowsOf(batch, from, to, &own.runs), cache, own, arrays,
                    hidden.Rows(from, to));
      }
    }
  });
}

}  // namespace rlvr
