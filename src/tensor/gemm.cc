// Blocking and sharing out of the products with a packed weight; the arithmetic is in gemm_hwy.cc
// and gemm_avx512bf16.cc.
#include "tensor/gemm.h"

#include <algorithm>
#include <bit>

#include "base/thread_pool.h"
#include "tensor/gemm_int8.h"
#include "tensor/gemm_kernels.h"
#include "tensor/isa.h"

namespace rlvr {

const GemmKernels& ActiveGemmKernels() {
  switch (ActiveIsa()) {
    case Isa::kAvx512Bf16:
      return Avx512Bf16GemmKernels();
    case Isa::kAvx512:
      return Avx512GemmKernels();
    default:
      return Avx2GemmKernels();
  }
}

namespace {

// Below this many multiply-adds the other threads are not woken.
constexpr int64_t kSerialWork = 1 << 19;
constexpr int64_t kSerialRounding = 1 << 15;  // and below this many numbers to round
// Bytes of packed activations kept in L2 while all panels pass by.
constexpr int64_t kRowBlockBytes = 384 << 10;
// Where not even one tile's rows are that small, sums over k pass through y, so that so many tiles use
// what is read of a panel.
constexpr int64_t kPassTiles = 6;
// From so many rows on, threads share out rows; in about so many pieces.
constexpr int64_t kManyRows = 512, kRowPieces = 32;
// Of a weight that stands in every core's own cache threads share out fewer rows, too, as long as each
// has so many.
constexpr int64_t kFewestRows = 24;
// A larger one is read anew for each piece of rows, which has at least so many tiles.
constexpr int64_t kPieceTiles = 9;
// Fewer rows are cut, where there are few panels, until there are about so many tasks.
constexpr int64_t kTasks = 32;

// Rows [0, m) of x as A operand: fp32 in place; bf16 rounded into `buffer`.
struct PackedRows {
  const uint32_t* data;
  int64_t row_stride;
};

PackedRows PackRows(const GemmKernels& kernels, View<const float> x, ComputeType type,
                    AlignedBuffer<uint32_t>& buffer) {
  if (type == ComputeType::kFp32) return {reinterpret_cast<const uint32_t*>(x.data), x.stride};
  // An odd number of cache lines, so that the rows of a tile do not share the cache's sets.
  const int64_t stride = (CeilDiv(x.cols, 32) | 1) * 16;
  uint32_t* data = Scratch(buffer, x.rows * stride);
  const auto round = [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) kernels.round_row(x.row(r), x.cols, data + r * stride);
  };
  if (x.size() < kSerialRounding) {
    round(0, x.rows);
  } else {
    ParallelFor(x.rows, 8, round);
  }
  return {data, stride};
}

struct Range {
  int64_t begin, end;
};

// One block of rows times panels, over these units of k (all of them, unless y is stored).
void MultiplyBlock(const GemmKernels& kernels, const PackedRows& a, int64_t rows,
                   const PackedWeight& w, Range panel_range, Range unit_range, View<float> y,
                   Epilogue epilogue) {
  const int64_t units = KUnits(w.type, w.k), chunk = KUnits(w.type, kGemmChunk);
  const auto* panels = reinterpret_cast<const uint32_t*>(w.data.data());
  // One chunk needs no total of its own; with several, y += (c0 + c1 + ...) does.
  const bool direct = epilogue == Epilogue::kStore || units <= chunk;
  const int64_t height = TileHeight(rows);
  alignas(64) float total[kTileRows * kPanel];
  for (int64_t p = panel_range.begin; p < panel_range.end; ++p) {
    const uint32_t* panel = panels + p * units * kPanel;
    const int64_t cols = std::min(kPanel, w.n - p * kPanel);
    for (int64_t r = 0; r < rows; r += height) {
      const int64_t tile_rows = std::min(height, rows - r);
      float* c = direct ? y.row(r) + p * kPanel : total;
      const int64_t c_stride = direct ? y.stride : kPanel;
      for (int64_t i = unit_range.begin; i < unit_range.end; i += chunk) {
        const int64_t length = std::min(chunk, unit_range.end - i);
        const bool add = i > 0 || (direct && epilogue == Epilogue::kAdd);
        const uint32_t* ai = a.data + r * a.row_stride + i;
        const int64_t ahead = UnitsAhead(w.bytes(), r == 0, tile_rows);
        if (w.type == ComputeType::kFp32) {
          kernels.tile_f32(tile_rows, length, reinterpret_cast<const float*>(ai), a.row_stride, 1,
                           reinterpret_cast<const float*>(panel + i * kPanel), 0, c, c_stride, cols,
                           add, ahead);
        } else {
          kernels.tile_bf16(tile_rows, length, ai, a.row_stride, 1, panel + i * kPanel, 0, c,
                            c_stride, cols, add, ahead);
        }
      }
      if (!direct) {
        for (int64_t j = 0; j < tile_rows; ++j) {
          float* out = y.row(r + j) + p * kPanel;
          for (int64_t n = 0; n < cols; ++n) out[n] += total[j * kPanel + n];
        }
      }
    }
  }
}

// Of `tiles` in pieces of at most `most`: the size with which all threads end soonest.
int64_t EvenPiece(int64_t tiles, int64_t most) {
  const int64_t threads = NumThreads();
  int64_t best = most, soonest = INT64_MAX;
  for (int64_t size = most; 2 * size > most; --size) {
    const int64_t pieces = CeilDiv(tiles, size), last = tiles - (pieces - 1) * size;
    const int64_t rounds = (pieces - 1) / threads;  // before the one that the last piece is in
    const int64_t end = rounds * size + ((pieces - 1) % threads == 0 ? last : size);
    if (end < soonest) soonest = end, best = size;
  }
  return best;
}

// The weight as the scalar reference takes it: row n of W, from the panels.
void MatMulScalar(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue) {
  const int64_t units = KUnits(w.type, w.k);
  const auto* data = reinterpret_cast<const uint32_t*>(w.data.data());
  AlignedBuffer<float> dense(w.n * w.k);
  for (int64_t n = 0; n < w.n; ++n) {
    const uint32_t* panel = data + n / kPanel * units * kPanel + n % kPanel;
    for (int64_t k = 0; k < w.k; ++k) {
      if (w.type == ComputeType::kFp32) {
        dense[n * w.k + k] = std::bit_cast<float>(panel[k * kPanel]);
      } else {
        const uint32_t pair = panel[k / 2 * kPanel];
        dense[n * w.k + k] = std::bit_cast<float>(k % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
      }
    }
  }
  ref::MatMul(x, {dense.data(), w.n, w.k}, w.type, y, epilogue);
}

}  // namespace

void MatMul(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue) {
  if (w.int8()) return MatMulInt8(x, w, y, epilogue);
  RLVR_CHECK(x.cols == w.k && y.cols == w.n && y.rows == x.rows)
      << x.rows << "x" << x.cols << " " << w.n << "x" << w.k << " " << y.rows << "x" << y.cols;
  if (x.rows == 0 || w.n == 0) return;
  if (ActiveIsa() == Isa::kScalar) return MatMulScalar(x, w, y, epilogue);
  const GemmKernels& kernels = ActiveGemmKernels();
  const int64_t panels = CeilDiv(w.n, kPanel);
  const int64_t units = KUnits(w.type, w.k), chunk = KUnits(w.type, kGemmChunk);
  const int64_t tile_bytes = std::max<int64_t>(1, units * 4 * kTileRows);
  int64_t block_rows = std::max<int64_t>(1, kRowBlockBytes / tile_bytes) * kTileRows;
  int64_t pass_units = units;
  if (tile_bytes > kRowBlockBytes && epilogue == Epilogue::kStore && x.rows >= kManyRows) {
    block_rows = kPassTiles * kTileRows;
    pass_units = std::max<int64_t>(1, kRowBlockBytes / (4 * block_rows) / chunk) * chunk;
  }
  const auto rows_from = [&](int64_t begin, int64_t end) {
    thread_local AlignedBuffer<uint32_t> buffer;
    for (int64_t r = begin; r < end; r += block_rows) {
      const int64_t stop = std::min(r + block_rows, end);
      const PackedRows packed = PackRows(kernels, x.Rows(r, stop), w.type, buffer);
      for (int64_t i = 0; i < units; i += pass_units) {
        MultiplyBlock(kernels, packed, stop - r, w, {0, panels},
                      {i, std::min(i + pass_units, units)}, y.Rows(r, stop), epilogue);
      }
    }
  };
  if (NumThreads() == 1 || InParallelFor() || x.rows * w.n * w.k < kSerialWork)
    return rows_from(0, x.rows);
  // Many rows: each thread its own rows, whole panels pass through the caches of all. Fewer: tasks
  // of one panel each, so that a large weight is read once.
  if (x.rows >= kManyRows) {
    const int64_t least = w.bytes() <= kOwnCacheBytes ? 1 : kPieceTiles;
    const int64_t tiles = CeilDiv(x.rows, kTileRows);
    const int64_t most = std::min(std::max(tiles / kRowPieces, least), block_rows / kTileRows);
    return ParallelFor(x.rows, EvenPiece(tiles, most) * kTileRows, rows_from);
  }
  const int64_t share = CeilDiv(x.rows, NumThreads());
  if (w.bytes() <= kOwnCacheBytes && share >= kFewestRows)
    return ParallelFor(x.rows, share, rows_from);
  thread_local AlignedBuffer<uint32_t> shared;
  const PackedRows packed = PackRows(kernels, x, w.type, shared);
  const int64_t tiles = CeilDiv(x.rows, kTileRows);
  const int64_t pieces = std::clamp<int64_t>(kTasks / panels, 1, tiles);
  const int64_t piece_rows = CeilDiv(tiles, pieces) * kTileRows;
  ParallelFor(panels * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t panel = task / pieces;
      const int64_t from = task % pieces * piece_rows, to = std::min(x.rows, from + piece_rows);
      for (int64_t r = from; r < to; r += block_rows) {
        const int64_t stop = std::min(r + block_rows, to);
        MultiplyBlock(kernels, {packed.data + r * packed.row_stride, packed.row_stride}, stop - r,
                      w, {panel, panel + 1}, {0, units}, y.Rows(r, stop), epilogue);
      }
    }
  });
}

}  // namespace rlvr
