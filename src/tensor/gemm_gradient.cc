// The gradient of a weight: dw += dy^T x. Both factors are packed with tokens as units of k, then
// tiles of dw, each of one thread, add the chunks in order.
#include <algorithm>

#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/gemm_kernels.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

// Bytes packed between two barriers, and the bounds on their tokens.
constexpr int64_t kPassBytes = 2 << 20;
constexpr int64_t kMinPassTokens = 2 * kGemmChunk, kMaxPassTokens = 16 * kGemmChunk;
// Of a dw of many rows so many bytes of the packed factor dy at once, which are still in the shared
// cache when tiles read them.
constexpr int64_t kRowsBytes = 8 << 20;
// Tiles go over so many tokens at a time, and over so many bytes of panels while these lie in L2.
constexpr int64_t kBlockTokens = 2 * kGemmChunk;
constexpr int64_t kBlockBytes = 384 << 10;
// Of so few tokens every thread packs what it needs for its rows of dw: what one packs and another
// reads takes longer. Pieces of about so many bytes, so that threads end together.
constexpr int64_t kFewTokens = 64, kFewBytes = 1 << 20, kMaxFewPieces = 4;
constexpr int64_t kOwnBytes = 2 << 20;  // of dw that a core's own cache about holds
// Columns packed at a time: few enough streams of writes for the caches, long enough reads, and
// pieces for all threads.
constexpr int64_t kMinPackColumns = 128, kMaxPackColumns = 512, kPackPieces = 16;

struct TokenChunk {
  int64_t begin, end;   // tokens
  int64_t unit_offset;  // units of k before it in the pass
};

// A factor [M tokens, C] in groups of `width` columns: unit i, column j of group g at
// data[g * stride + i * width + j]. What lies past the last column is arbitrary and never stored.
struct Groups {
  View<const float> from;
  int64_t width;
  int64_t stride = 0;
  uint32_t* data = nullptr;
  int64_t count() const { return CeilDiv(from.cols, width); }
  int64_t packed_at_once() const {
    const int64_t columns = std::clamp(from.cols / kPackPieces, kMinPackColumns, kMaxPackColumns);
    return std::max<int64_t>(1, columns / width);
  }
  int64_t pieces() const { return CeilDiv(count(), packed_at_once()); }
  void Allocate(int64_t units, AlignedBuffer<uint32_t>& buffer) {
    stride = units * width + kSplitSlack;
    stride = CeilDiv(stride, 16) * 16;
    data = Scratch(buffer, count() * stride);
  }
};

void PackPieces(const GemmKernels& kernels, ComputeType type, const std::vector<TokenChunk>& chunks,
                const Groups& groups, int64_t piece_begin, int64_t piece_end) {
  const int64_t at_once = groups.packed_at_once();
  for (int64_t g = piece_begin * at_once; g < piece_end * at_once; g += at_once) {
    const int64_t column = g * groups.width;
    const int64_t cols = std::min(groups.from.cols - column, at_once * groups.width);
    for (const TokenChunk& chunk : chunks) {
      uint32_t* to = groups.data + g * groups.stride + chunk.unit_offset * groups.width;
      if (type == ComputeType::kFp32) {
        for (int64_t t = chunk.begin; t < chunk.end; ++t, to += groups.width) {
          kernels.split_f32(groups.from.row(t) + column, cols, groups.width, groups.stride, to);
        }
      } else {
        for (int64_t t = chunk.begin; t < chunk.end; t += 2, to += groups.width) {
          const float* hi = t + 1 < chunk.end ? groups.from.row(t + 1) + column : nullptr;
          kernels.split_bf16(groups.from.row(t) + column, hi, cols, groups.width, groups.stride,
                             to);
        }
      }
    }
  }
}

// Rows of one group, columns of `panels` panels of dw over the chunks [chunk_begin, chunk_end).
void AddTile(const GemmKernels& kernels, ComputeType type, const TokenChunk* chunk_begin,
             const TokenChunk* chunk_end, const Groups& a, int64_t ga, const Groups& b, int64_t gb,
             int64_t panels, View<float> dw) {
  const int64_t row = ga * a.width, col = gb * b.width;
  const int64_t rows = std::min(a.width, dw.rows - row),
                cols = std::min(panels * b.width, dw.cols - col);
  float* c = dw.row(row) + col;
  // dw comes from memory while the chains run; with few tokens these are short: the next tile's part
  // is asked for, or nothing where dw lies in the caches.
  const bool few = chunk_end[-1].end - chunk_begin->begin < kFewTokens;
  const int64_t ahead = few ? 2 * kPanel : 0;
  for (int64_t r = 0; r < rows && panels == 1; ++r) {
    __builtin_prefetch(c + r * dw.stride + ahead, 1);
    __builtin_prefetch(c + r * dw.stride + ahead + cols / 2, 1);
    __builtin_prefetch(c + r * dw.stride + ahead + cols - 1, 1);
  }
  for (const TokenChunk* chunk = chunk_begin; chunk < chunk_end; ++chunk) {
    const int64_t units = KUnits(type, chunk->end - chunk->begin);
    const uint32_t* pa = a.data + ga * a.stride + chunk->unit_offset * a.width;
    const uint32_t* pb = b.data + gb * b.stride + chunk->unit_offset * b.width;
    if (type == ComputeType::kFp32) {
      kernels.tile_f32(rows, units, reinterpret_cast<const float*>(pa), 1, a.width,
                       reinterpret_cast<const float*>(pb), b.stride, c, dw.stride, cols, true,
                       /*ahead=*/0);
    } else {
      kernels.tile_bf16(rows, units, pa, 1, a.width, pb, b.stride, c, dw.stride, cols, true,
                        /*ahead=*/0);
    }
  }
}

// Tiles [begin, end) of dw, counted through blocks of `panels` panels, row by row within a block.
void AddTiles(const GemmKernels& kernels, ComputeType type, const std::vector<TokenChunk>& chunks,
              const Groups& a, const Groups& b, int64_t panels, int64_t begin, int64_t end,
              View<float> dw) {
  const int64_t a_groups = a.count(), b_groups = b.count();
  for (size_t first = 0; first < chunks.size();) {
    size_t last = first;
    int64_t tokens = 0;
    for (; last < chunks.size() && tokens < kBlockTokens; ++last) {
      tokens += chunks[last].end - chunks[last].begin;
    }
    // Few tokens' tiles of a dw in the caches are short: a row of them in one call, no division each.
    const bool rows_at_once = tokens < kFewTokens && dw.size() * 4 <= kOwnBytes;
    int64_t panel = begin / (a_groups * panels) * panels;
    int64_t width = std::min(panels, b_groups - panel);
    int64_t group = begin % (a_groups * panels) / width,
            column = begin % (a_groups * panels) % width;
    for (int64_t i = begin; i < end;) {
      const int64_t count = rows_at_once ? std::min(width - column, end - i) : 1;
      AddTile(kernels, type, &chunks[first], chunks.data() + last, a, group, b, panel + column,
              count, dw);
      i += count;
      if ((column += count) < width) continue;
      column = 0;
      if (++group < a_groups) continue;
      group = 0;
      panel += width;
      width = std::min(panels, b_groups - panel);
    }
    first = last;
  }
}

// The whole of `dw`, shared out by all threads where they are free.
void AddProduct(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                ComputeType type, View<float> dw) {
  const GemmKernels& kernels = ActiveGemmKernels();
  const int64_t token_bytes = type == ComputeType::kFp32 ? 4 : 2;
  const int64_t pass_tokens =
      std::clamp(kPassBytes / (token_bytes * (dw.rows + dw.cols)), kMinPassTokens, kMaxPassTokens);
  const int64_t block_tokens = std::min(dy.rows, kBlockTokens);
  const int64_t panels = std::max<int64_t>(1, kBlockBytes / (block_tokens * token_bytes * kPanel));
  thread_local AlignedBuffer<uint32_t> a_buffer, b_buffer;
  thread_local std::vector<TokenChunk> chunks;
  chunks.clear();
  const auto run = [&chunks = chunks, &kernels, type, panels, dy, x, dw](
                       AlignedBuffer<uint32_t>& a_memory, AlignedBuffer<uint32_t>& b_memory) {
    if (chunks.empty()) return;
    const TokenChunk& last = chunks.back();
    const int64_t units = last.unit_offset + KUnits(type, last.end - last.begin);
    Groups a{dy, TileHeight(dw.rows)}, b{x, kPanel};
    a.Allocate(units, a_memory);
    b.Allocate(units, b_memory);
    const int64_t a_groups = a.count(), b_groups = b.count();
    const int64_t a_pieces = a.pieces(), pieces = a_pieces + b.pieces();
    const int64_t tiles = a_groups * b_groups;
    ParallelFor(pieces, 1, [&](int64_t begin, int64_t end) {
      PackPieces(kernels, type, chunks, a, std::min(begin, a_pieces), std::min(end, a_pieces));
      PackPieces(kernels, type, chunks, b, std::max(begin - a_pieces, int64_t{0}),
                 std::max(end - a_pieces, int64_t{0}));
    });
    ParallelFor(tiles, 1, [&](int64_t begin, int64_t end) {
      AddTiles(kernels, type, chunks, a, b, panels, begin, end, dw);
    });
    chunks.clear();
  };
  int64_t tokens = 0, units = 0;
  for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
    for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; t += kGemmChunk) {
      const int64_t end = std::min(t + kGemmChunk, unit_begin[u + 1]);
      chunks.push_back({t, end, units});
      units += KUnits(type, end - t);
      tokens += end - t;
      if (tokens >= pass_tokens) {
        run(a_buffer, b_buffer);
        tokens = units = 0;
      }
    }
  }
  run(a_buffer, b_buffer);
}

}  // namespace

void WeightGradient(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                    ComputeType type, View<float> dw) {
  RLVR_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols);
  RLVR_CHECK(!unit_begin.empty() && unit_begin.front() == 0 && unit_begin.back() == dy.rows);
  if (dw.empty() || dy.rows == 0) return;
  if (ActiveIsa() == Isa::kScalar) return ref::WeightGradient(dy, x, unit_begin, type, dw);
  const int64_t tiles = CeilDiv(dw.rows, kTileRows);
  const auto add_rows = [&](int64_t begin, int64_t end) {
    AddProduct(dy.Cols(begin, end), x, unit_begin, type, dw.Rows(begin, end));
  };
  if (dy.rows <= kFewTokens) {
    const int64_t share = dw.size() * 4 / NumThreads();
    const int64_t pieces = NumThreads() * std::clamp<int64_t>(share / kFewBytes, 1, kMaxFewPieces);
    return ParallelFor(dw.rows, CeilDiv(dw.rows, pieces), add_rows);
  }
  const int64_t tokens = std::min(dy.rows, kMinPassTokens);
  const int64_t blocks = CeilDiv(4 * KUnits(type, tokens) * dw.rows, kRowsBytes);
  const int64_t rows = CeilDiv(tiles, blocks) * kTileRows;
  for (int64_t r = 0; r < dw.rows; r += rows) add_rows(r, std::min(dw.rows, r + rows));
}

}  // namespace rlvr
