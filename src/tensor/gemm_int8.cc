// Packing, blocking and sharing out of products in 8 bits; the arithmetic is in gemm_int8_vnni.cc and
// gemm_int8_hwy.cc.
#include "tensor/gemm_int8.h"

#include <algorithm>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/gemm_int8_kernels.h"
#include "tensor/isa.h"

namespace rlvr {

const Int8Kernels& ActiveInt8Kernels() {
  if (ActiveIsa() < Isa::kAvx512) return Avx2Int8Kernels();
  return HasVnni() ? VnniInt8Kernels() : Avx512Int8Kernels();
}

namespace {

// Below this many multiply-adds the other threads are not woken; and below this many numbers to
// quantise.
constexpr int64_t kSerialWork = 1 << 20, kSerialNumbers = 1 << 15;
constexpr int64_t kRowBlockBytes = 384 << 10;  // of x, kept in L2 while panels pass by
constexpr int64_t kTasks = 32;                 // rows are cut until there are about so many

struct Quantized {
  const uint32_t* data;
  int64_t row_stride;  // units
  const Int8Row* rows;
};

Quantized QuantizeRows(const Int8Kernels& kernels, View<const float> x) {
  thread_local AlignedBuffer<uint32_t> buffer;
  thread_local std::vector<Int8Row> row_buffer;
  // An odd number of cache lines, so that the rows of a tile do not share the cache's sets.
  const int64_t stride = (CeilDiv(x.cols, 64) | 1) * 16;
  uint32_t* data = Scratch(buffer, x.rows * stride);
  if (static_cast<int64_t>(row_buffer.size()) < x.rows)
    row_buffer.resize(static_cast<size_t>(x.rows));
  Int8Row* rows = row_buffer.data();
  const auto quantize = [&, data, rows](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      rows[r] = kernels.quantize(x.row(r), x.cols, data + r * stride);
  };
  if (x.size() < kSerialNumbers) {
    quantize(0, x.rows);
  } else {
    ParallelFor(x.rows, 8, quantize);
  }
  return {data, stride, rows};
}

// The weight as the scalar reference would quantise it: row n of q and s, as floats.
void MatMulScalar(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue) {
  const int64_t K = w.k, units = Int8Units(K);
  std::vector<int8_t> q(static_cast<size_t>(K));
  for (int64_t m = 0; m < x.rows; ++m) {
    const float scale = ref::QuantizeInt8(x.row(m), K, q.data());
    for (int64_t n = 0; n < w.n; ++n) {
      const uint8_t* column = w.data.data() + (n / kPanel * units * kPanel + n % kPanel) * 4;
      int32_t sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += int32_t{q[static_cast<size_t>(k)]} * (column[k / 4 * kPanel * 4 + k % 4] - 128);
      const float product = static_cast<float>(sum) * (scale * w.scale[n]);
      y(m, n) = epilogue == Epilogue::kAdd ? y(m, n) + product : product;
    }
  }
}

}  // namespace

void PackWeightInt8(std::span<const View<const float>> parts, PackedWeight* out) {
  std::vector<const float*> rows;
  const int64_t k = parts[0].cols, units = Int8Units(k);
  RLVR_CHECK(k <= kInt8MaxInputs) << k;
  for (const auto& part : parts) {
    RLVR_CHECK(part.cols == k) << part.cols << " " << k;
    for (int64_t r = 0; r < part.rows; ++r) rows.push_back(part.row(r));
  }
  const auto n = static_cast<int64_t>(rows.size()), panels = CeilDiv(n, kPanel);
  out->n = n;
  out->k = k;
  out->data.Resize(panels * units * kPanel * 4);
  out->scale.Resize(panels * kPanel);
  out->scale.Fill(0);
  auto* data = reinterpret_cast<uint32_t*>(out->data.data());
  const Int8Kernels& kernels = ActiveInt8Kernels();
  const bool scalar = ActiveIsa() == Isa::kScalar;
  ParallelFor(panels, 1, [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> block(static_cast<size_t>(kPanel * units));  // rows side by side
    for (int64_t p = begin; p < end; ++p) {
      const int64_t cols = std::min(kPanel, n - p * kPanel);
      std::fill(block.begin(), block.end(), 0u);
      for (int64_t j = 0; j < cols; ++j) {
        const float* from = rows[static_cast<size_t>(p * kPanel + j)];
        uint32_t* to = block.data() + j * units;
        out->scale[p * kPanel + j] = scalar
                                         ? ref::QuantizeInt8(from, k, reinterpret_cast<int8_t*>(to))
                                         : kernels.quantize(from, k, to).scale;
      }
      uint32_t* panel = data + p * units * kPanel;
      if (scalar) {
        for (int64_t i = 0; i < units; ++i)
          for (int64_t j = 0; j < kPanel; ++j)
            panel[i * kPanel + j] = block[static_cast<size_t>(j * units + i)];
      } else {
        ActiveGemmKernels().transpose(block.data(), units, kPanel, units, panel);
      }
      for (int64_t i = 0; i < units * kPanel; ++i) panel[i] ^= 0x80808080u;  // q + 128
    }
  });
}

void MatMulInt8(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue) {
  RLVR_CHECK(x.cols == w.k && y.cols == w.n && y.rows == x.rows)
      << x.rows << "x" << x.cols << " " << w.n << "x" << w.k << " " << y.rows << "x" << y.cols;
  if (x.rows == 0 || w.n == 0) return;
  if (ActiveIsa() == Isa::kScalar) return MatMulScalar(x, w, y, epilogue);
  const Int8Kernels& kernels = ActiveInt8Kernels();
  const Quantized a = QuantizeRows(kernels, x);
  const int64_t panels = CeilDiv(w.n, kPanel), units = Int8Units(w.k);
  const int64_t tiles = CeilDiv(x.rows, kTileRows);
  const int64_t block_tiles =
      std::max<int64_t>(1, kRowBlockBytes / std::max<int64_t>(1, a.row_stride * 4 * kTileRows));
  const bool serial = NumThreads() == 1 || x.rows * w.n * w.k < kSerialWork;
  const int64_t pieces =
      std::max(CeilDiv(tiles, block_tiles),
               serial ? int64_t{1} : std::clamp<int64_t>(kTasks / panels, 1, tiles));
  const int64_t piece_rows = CeilDiv(tiles, pieces) * kTileRows;
  const auto run = [&](int64_t begin, int64_t end) {  // tasks: pieces of rows, panel by panel
    for (int64_t task = begin; task < end; ++task) {
      const int64_t p = task % panels, from = task / panels * piece_rows;
      const int64_t to = std::min(x.rows, from + piece_rows);
      const int64_t height = to > from ? TileHeight(to - from) : 1;
      for (int64_t r = from; r < to; r += height) {
        kernels.tile(
            {.rows = std::min(height, to - r),
             .units = units,
             .a = a.data + r * a.row_stride,
             .a_row = a.row_stride,
             .row = a.rows + r,
             .panel = reinterpret_cast<const uint32_t*>(w.data.data()) + p * units * kPanel,
             .col_scale = w.scale.data() + p * kPanel,
             .y = y.row(r) + p * kPanel,
             .y_stride = y.stride,
             .cols = std::min(kPanel, w.n - p * kPanel),
             .add = epilogue == Epilogue::kAdd,
             .ahead = UnitsAhead(w.bytes(), r == from, std::min(height, to - r))});
      }
    }
  };
  if (serial) return run(0, panels * pieces);
  ParallelFor(panels * pieces, 1, run);
}

}  // namespace rlvr
