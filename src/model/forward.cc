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
constexpr double kMostUneven = 1.25;

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

// saved: what the pass leaves behind; null: nothing, and each layer's arrays are `scratch`.
void ForwardRows(const Model& model, const BatchRows& rows, const KvCache& cache,
                 const ForwardArrays& w, const Activations* saved,
                 const Activations::Layer& scratch, View<float> hidden) {
  const ModelConfig& c = model.config();
  const int64_t L = c.num_hidden_layers, D = c.hidden_size;
  const View<float> x = w.x;
  Embedding(model.Matrix(model.layout().embed, c.vocab_size, D), rows.tokens, x);
  for (int64_t l = 0; l < L; ++l) {
    const Activations::Layer a = saved ? saved->layers[l].Rows(rows.begin, rows.end) : scratch;
    if (saved) Copy(x, saved->input[l].Rows(rows.begin, rows.end));
    AttentionHalf(model, l, rows, cache.layer(l), true, w, a, x);
    if (saved && l >= L - saved->kept_layers) Copy(x, a.middle);
    FeedForwardHalf(model, l, w, a, x);
  }
  View<float> rstd;
  if (saved) {
    Copy(x, saved->output.Rows(rows.begin, rows.end));
    rstd = saved->output_rstd.Rows(rows.begin, rows.end);
  }
  RmsNorm(x, model.Matrix(model.layout().final_norm, 1, D), static_cast<float>(c.rms_norm_eps),
          hidden, rstd);
}

// What a thread works in on at most so many rows.
struct PieceArrays {
  ForwardArrays forward;
  Activations::Layer scratch;  // where nothing is saved
};
PieceArrays TakePiece(const ModelConfig& c, int64_t rows, bool saves, BlockCursor* cursor) {
  PieceArrays a{TakeForward(c, rows, cursor), {}};
  if (!saves) a.scratch = TakeScratchLayer(c, rows, cursor);
  return a;
}

// How a pass is shared out, and where in the workspace each of its threads works.
struct Pieces {
  std::vector<int64_t> borders;  // rows
  int64_t most_rows = 0;
  std::vector<PieceArrays> arrays;  // by worker
  int64_t count() const { return static_cast<int64_t>(borders.size()) - 1; }
};

Pieces LayOut(const Model& model, const TokenBatch& batch, Workspace& ws, Activations* saved) {
  const ModelConfig& c = model.config();
  const int64_t T = batch.size();
  Pieces p;
  int64_t workers = 0;
  const auto cut = [&](std::vector<int64_t> borders) {
    p.borders = std::move(borders);
    p.most_rows = 0;
    for (size_t i = 0; i + 1 < p.borders.size(); ++i)
      p.most_rows = std::max(p.most_rows, p.borders[i + 1] - p.borders[i]);
    workers = std::min<int64_t>(p.count(), NumThreads());
  };
  const auto take = [&](BlockCursor* cursor) {
    p.arrays.clear();
    for (int64_t w = 0; w < workers; ++w)
      p.arrays.push_back(TakePiece(c, p.most_rows, saved != nullptr, cursor));
    return cursor->used();
  };
  cut(PieceBorders(model, batch));
  ws.holds = saved;
  if (saved) {
    const TrainingArrays a = TakeTraining(c, T, ws.own_matrices, nullptr, saved);
    ws.block.Resize(a.end);
    TakeTraining(c, T, ws.own_matrices, ws.block.data(), saved);
    BlockCursor count, cursor(ws.block.data() + a.work);
    if (take(&count) > a.end - a.work) cut({0, T});
    take(&cursor);
  } else {
    BlockCursor own;
    for (int64_t i = 0; i < ws.own_matrices; ++i) own.Take(T, c.hidden_size);
    BlockCursor count;
    ws.block.Resize(own.used() + take(&count));
    BlockCursor cursor(ws.block.data() + own.used());
    take(&cursor);
  }
  return p;
}

}  // namespace

void Forward(const Model& model, const TokenBatch& batch, KvCache& cache, Workspace& ws,
             Activations* saved, View<float> hidden) {
  const int64_t T = batch.size(), D = model.config().hidden_size;
  if (T == 0) return;
  const Pieces pieces = LayOut(model, batch, ws, saved);
  if (hidden.data == nullptr) hidden = ws.Own(0, T, D);
  RLVR_CHECK(hidden.rows == T && hidden.cols == D);
  const auto workers = static_cast<int64_t>(pieces.arrays.size());
  const auto run = [&](const BatchRows& rows, const PieceArrays& a) {
    const Activations::Layer scratch = a.scratch.Rows(0, rows.size());
    ForwardRows(model, rows, cache, a.forward.Rows(0, rows.size()), saved, scratch,
                hidden.Rows(rows.begin, rows.end));
  };
  if (pieces.count() == 1) return run(AllRows(batch), pieces.arrays[0]);
  if (static_cast<int64_t>(ws.piece_runs.size()) < workers)
    ws.piece_runs.resize(static_cast<size_t>(workers));
  std::atomic<int64_t> next = 0;
  ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      for (int64_t p = next++; p < pieces.count(); p = next++) {
        const auto i = static_cast<size_t>(p), own = static_cast<size_t>(w);
        run(RowsOf(batch, pieces.borders[i], pieces.borders[i + 1], &ws.piece_runs[own]),
            pieces.arrays[own]);
      }
    }
  });
}

}  // namespace rlvr
