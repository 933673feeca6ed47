// Packing, blocking and sharing out of matrix products; the arithmetic is in gemm_hwy.cc and
// gemm_avx512bf16.cc.
#include "tensor/gemm.h"

#include <algorithm>
#include <cstring>

#include "base/thread_pool.h"
#include "tensor/gemm_kernels.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

// Below this many multiply-adds the other threads are not woken.
constexpr int64_t kSerialWork = 1 << 19;
// Bytes of packed activations kept in L2 while all panels pass by.
constexpr int64_t kRowBlockBytes = 384 << 10;
// Tokens packed between two barriers of WeightGradient.
constexpr int64_t kTokensPerPass = 8 * kGemmChunk;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

const GemmKernels& Kernels() {
  switch (ActiveIsa()) {
    case Isa::kAvx512Bf16:
      return Avx512Bf16GemmKernels();
    case Isa::kAvx512:
      return Avx512GemmKernels();
    default:
      return Avx2GemmKernels();
  }
}

bool Scalar() { return ActiveIsa() == Isa::kScalar; }

// Units of k: elements (fp32) or pairs (bf16); both are 4 bytes.
int64_t KUnits(ComputeType type, int64_t k) {
  return type == ComputeType::kFp32 ? k : CeilDiv(k, 2);
}

// Grows a per-thread buffer that is reused from call to call.
uint32_t* Scratch(AlignedBuffer<uint32_t>& buffer, int64_t n) {
  if (buffer.size() < n) buffer.Resize(n);
  return buffer.data();
}

uint32_t Bits(float x) { return std::bit_cast<uint32_t>(x); }

// Fills panels from element(n, k) -> float.
template <class Element>
void Pack(int64_t n, int64_t k, ComputeType type, Element element, PackedWeight* out) {
  out->n = n;
  out->k = k;
  out->type = type;
  const int64_t units = KUnits(type, k), panels = CeilDiv(n, kPanel);
  out->data.Resize(panels * units * kPanel * 4);
  auto* data = reinterpret_cast<uint32_t*>(out->data.data());
  ParallelFor(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      uint32_t* panel = data + p * units * kPanel;
      const int64_t cols = std::min(kPanel, n - p * kPanel);
      for (int64_t j = 0; j < kPanel; ++j) {
        for (int64_t i = 0; i < units; ++i) {
          uint32_t v = 0;
          if (j < cols && type == ComputeType::kFp32) {
            v = Bits(element(p * kPanel + j, i));
          } else if (j < cols) {
            v = ToBf16(element(p * kPanel + j, 2 * i)).bits;
            if (2 * i + 1 < k)
              v |= static_cast<uint32_t>(ToBf16(element(p * kPanel + j, 2 * i + 1)).bits) << 16;
          }
          panel[i * kPanel + j] = v;
        }
      }
    }
  });
}

// The stacked rows of `parts` as one matrix.
struct Stack {
  explicit Stack(std::span<const View<const float>> parts) {
    RLVR_CHECK(!parts.empty());
    for (const auto& p : parts) {
      RLVR_CHECK(p.cols == parts[0].cols) << p.cols << " " << parts[0].cols;
      for (int64_t r = 0; r < p.rows; ++r) rows.push_back(p.row(r));
    }
    cols = parts[0].cols;
  }
  std::vector<const float*> rows;
  int64_t cols;
};

// Rows [0, m) of x as A operand: fp32 in place; bf16 rounded into `buffer`, zero-padded to whole
// pairs.
struct PackedRows {
  const uint32_t* data;
  int64_t row_stride;
};

PackedRows PackRows(const GemmKernels& kernels, View<const float> x, ComputeType type,
                    AlignedBuffer<uint32_t>& buffer) {
  if (type == ComputeType::kFp32) return {reinterpret_cast<const uint32_t*>(x.data), x.stride};
  const int64_t units = CeilDiv(x.cols, 2);
  uint32_t* data = Scratch(buffer, x.rows * units);
  for (int64_t r = 0; r < x.rows; ++r) {
    auto* row = reinterpret_cast<Bf16*>(data + r * units);
    kernels.round_row(x.row(r), x.cols, row);
    if (x.cols % 2 != 0) row[x.cols] = {0};
  }
  return {data, units};
}

// One block of rows times panels [panel_begin, panel_end).
void MultiplyBlock(const GemmKernels& kernels, const PackedRows& a, int64_t rows,
                   const PackedWeight& w, int64_t panel_begin, int64_t panel_end, View<float> y,
                   Epilogue epilogue) {
  const int64_t units = KUnits(w.type, w.k), chunk = KUnits(w.type, kGemmChunk);
  const auto* panels = reinterpret_cast<const uint32_t*>(w.data.data());
  // One chunk needs no total of its own; with several, y += (c0 + c1 + ...) does.
  const bool direct = epilogue == Epilogue::kStore || units <= chunk;
  alignas(64) float total[kTileRows * kPanel];
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const uint32_t* panel = panels + p * units * kPanel;
    const int64_t cols = std::min(kPanel, w.n - p * kPanel);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      const int64_t tile_rows = std::min(kTileRows, rows - r);
      float* c = direct ? y.row(r) + p * kPanel : total;
      const int64_t c_stride = direct ? y.stride : kPanel;
      for (int64_t i = 0; i < units; i += chunk) {
        const int64_t length = std::min(chunk, units - i);
        const bool add = i > 0 || (direct && epilogue == Epilogue::kAdd);
        const uint32_t* ai = a.data + r * a.row_stride + i;
        if (w.type == ComputeType::kFp32) {
          kernels.tile_f32(tile_rows, length, reinterpret_cast<const float*>(ai), a.row_stride, 1,
                           reinterpret_cast<const float*>(panel + i * kPanel), c, c_stride, cols,
                           add);
        } else {
          kernels.tile_bf16(tile_rows, length, ai, a.row_stride, 1, panel + i * kPanel, c, c_stride,
                            cols, add);
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

void PackWeight(std::span<const View<const float>> parts, ComputeType type, PackedWeight* out) {
  const Stack stack(parts);
  Pack(
      static_cast<int64_t>(stack.rows.size()), stack.cols, type,
      [&](int64_t n, int64_t k) { return stack.rows[n][k]; }, out);
}

void PackWeightTransposed(std::span<const View<const float>> parts, ComputeType type,
                          PackedWeight* out) {
  const Stack stack(parts);
  Pack(
      stack.cols, static_cast<int64_t>(stack.rows.size()), type,
      [&](int64_t n, int64_t k) { return stack.rows[k][n]; }, out);
}

void MatMul(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue) {
  RLVR_CHECK(x.cols == w.k && y.cols == w.n && y.rows == x.rows)
      << x.rows << "x" << x.cols << " " << w.n << "x" << w.k << " " << y.rows << "x" << y.cols;
  if (x.rows == 0 || w.n == 0) return;
  if (Scalar()) return MatMulScalar(x, w, y, epilogue);
  const GemmKernels& kernels = Kernels();
  const int64_t panels = CeilDiv(w.n, kPanel);
  const int64_t block_rows =
      std::max<int64_t>(
          1, kRowBlockBytes / std::max<int64_t>(1, KUnits(w.type, w.k) * 4 * kTileRows)) *
      kTileRows;
  const auto rows_from = [&](int64_t begin, int64_t end) {
    thread_local AlignedBuffer<uint32_t> buffer;
    for (int64_t r = begin; r < end; r += block_rows) {
      const int64_t stop = std::min(r + block_rows, end);
      MultiplyBlock(kernels, PackRows(kernels, x.Rows(r, stop), w.type, buffer), stop - r, w, 0,
                    panels, y.Rows(r, stop), epilogue);
    }
  };
  const int threads = NumThreads();
  if (threads == 1 || x.rows * w.n * w.k < kSerialWork) return rows_from(0, x.rows);
  // Many rows: each thread its own rows, whole panels pass through both. Few: each thread its own
  // panels, so that the weights are read once.
  if (x.rows >= 4 * kTileRows * threads || panels < threads) {
    return ParallelFor(x.rows, kTileRows, rows_from);
  }
  thread_local AlignedBuffer<uint32_t> shared;
  const PackedRows packed = PackRows(kernels, x, w.type, shared);
  ParallelFor(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < x.rows; r += block_rows) {
      const int64_t stop = std::min(r + block_rows, x.rows);
      MultiplyBlock(kernels, {packed.data + r * packed.row_stride, packed.row_stride}, stop - r, w,
                    begin, end, y.Rows(r, stop), epilogue);
    }
  });
}

namespace {

struct TokenChunk {
  int64_t begin, end;   // tokens
  int64_t unit_offset;  // units of k before it in the pass
};

// Columns of `x` over one chunk, in groups of `width` columns: group g, unit i, column j at
// out[g * group_stride + i * width + j]; columns past the end are left as they are (never stored).
void PackColumns(const GemmKernels& kernels, View<const float> x, ComputeType type,
                 const TokenChunk& chunk, int64_t width, int64_t group_begin, int64_t group_end,
                 int64_t group_stride, uint32_t* out) {
  const int64_t step = type == ComputeType::kFp32 ? 1 : 2;
  for (int64_t t = chunk.begin; t < chunk.end; t += step) {
    const int64_t unit = chunk.unit_offset + (t - chunk.begin) / step;
    for (int64_t g = group_begin; g < group_end; ++g) {
      const int64_t cols = std::min(width, x.cols - g * width);
      uint32_t* to = out + g * group_stride + unit * width;
      const float* from = x.row(t) + g * width;
      if (type == ComputeType::kFp32) {
        std::memcpy(to, from, static_cast<size_t>(cols) * 4);
      } else {
        kernels.interleave(from, t + 1 < chunk.end ? x.row(t + 1) + g * width : nullptr, cols, to);
      }
    }
  }
}

}  // namespace

void WeightGradient(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                    ComputeType type, View<float> dw) {
  RLVR_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols);
  RLVR_CHECK(!unit_begin.empty() && unit_begin.front() == 0 && unit_begin.back() == dy.rows);
  if (Scalar()) return ref::WeightGradient(dy, x, unit_begin, type, dw);
  const GemmKernels& kernels = Kernels();
  const int64_t a_groups = CeilDiv(dw.rows, kTileRows), b_groups = CeilDiv(dw.cols, kPanel);
  thread_local AlignedBuffer<uint32_t> a_buffer, b_buffer;
  std::vector<TokenChunk> chunks;
  const auto run = [&] {
    if (chunks.empty()) return;
    const TokenChunk& last = chunks.back();
    const int64_t units = last.unit_offset + KUnits(type, last.end - last.begin);
    const int64_t a_stride = units * kTileRows, b_stride = units * kPanel;
    uint32_t* a = Scratch(a_buffer, a_groups * a_stride);
    uint32_t* b = Scratch(b_buffer, b_groups * b_stride);
    ParallelFor(a_groups + b_groups, 1, [&](int64_t begin, int64_t end) {
      for (const TokenChunk& c : chunks) {
        PackColumns(kernels, dy, type, c, kTileRows, std::min(begin, a_groups),
                    std::min(end, a_groups), a_stride, a);
        PackColumns(kernels, x, type, c, kPanel, std::max(begin - a_groups, int64_t{0}),
                    std::max(end - a_groups, int64_t{0}), b_stride, b);
      }
    });
    ParallelFor(a_groups * b_groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t ga = i % a_groups, gb = i / a_groups;
        const int64_t rows = std::min(kTileRows, dw.rows - ga * kTileRows);
        const int64_t cols = std::min(kPanel, dw.cols - gb * kPanel);
        float* c = dw.row(ga * kTileRows) + gb * kPanel;
        for (const TokenChunk& chunk : chunks) {
          const int64_t length = KUnits(type, chunk.end - chunk.begin);
          const uint32_t* pa = a + ga * a_stride + chunk.unit_offset * kTileRows;
          const uint32_t* pb = b + gb * b_stride + chunk.unit_offset * kPanel;
          if (type == ComputeType::kFp32) {
            kernels.tile_f32(rows, length, reinterpret_cast<const float*>(pa), 1, kTileRows,
                             reinterpret_cast<const float*>(pb), c, dw.stride, cols, true);
          } else {
            kernels.tile_bf16(rows, length, pa, 1, kTileRows, pb, c, dw.stride, cols, true);
          }
        }
      }
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
      if (tokens >= kTokensPerPass) {
        run();
        tokens = units = 0;
      }
    }
  }
  run();
}

}  // namespace rlvr
