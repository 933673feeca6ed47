// Weights into panels of kPanel outputs, [panel][unit of k][kPanel]; columns past the end are zero.
#include <algorithm>
#include <cstring>

#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/gemm_kernels.h"

namespace rlvr {
namespace {

constexpr int64_t kBlockRows = kPanel, kBlockColumns = 1024;  // of a weight, 128 KiB in fp32
constexpr int64_t kBlockTerms = 256;   // of k rounded and turned at a time: 32 KiB of scratch
constexpr int64_t kPanelsAtOnce = 16;  // written side by side: 2 KiB of each row are read at a time

// The stacked rows of `parts` as one matrix.
struct Stack {
  explicit Stack(std::span<const View<const float>> parts) {
    RLVR_CHECK(!parts.empty());
    cols = parts[0].cols;
    for (const auto& p : parts) {
      RLVR_CHECK(p.cols == cols) << p.cols << " " << cols;
      for (int64_t r = 0; r < p.rows; ++r) {
        rows.push_back(p.row(r));
        apart.push_back(r == 0 || p.row(r) != p.row(r - 1) + cols);
      }
    }
  }
  std::vector<const float*> rows;
  std::vector<bool> apart;  // from the row before: another part, or not next to it in memory
  int64_t cols = 0;
};

// Sizes `out` and returns its panels, the last one zero where it is not whole.
uint32_t* Prepare(int64_t n, int64_t k, ComputeType type, PackedWeight* out) {
  out->n = n;
  out->k = k;
  out->type = type;
  const int64_t panel_units = KUnits(type, k) * kPanel;
  out->data.Resize(CeilDiv(n, kPanel) * panel_units * 4);
  auto* data = reinterpret_cast<uint32_t*>(out->data.data());
  if (n % kPanel != 0) {
    std::memset(data + n / kPanel * panel_units, 0, static_cast<size_t>(panel_units) * 4);
  }
  return data;
}

// Rows [row, row + kBlockRows) and columns [column, column + kBlockColumns) of the stack.
struct Block {
  int64_t row, rows, column, columns;
};

// Rows that follow each other in memory at once.
void StepBlock(const Stack& stack, const Block& b, const WeightStep& step) {
  for (int64_t r = b.row; r < b.row + b.rows;) {
    const float* begin = stack.rows[r] + b.column;
    int64_t count = b.columns;
    for (++r; b.columns == stack.cols && r < b.row + b.rows && !stack.apart[r]; ++r)
      count += b.columns;
    step(begin, count);
  }
}

// Each row of outputs is one of a panel.
void PackBlock(const Stack& stack, const Block& b, ComputeType type, uint32_t* data) {
  const GemmKernels& kernels = ActiveGemmKernels();
  const int64_t panel_units = KUnits(type, stack.cols) * kPanel;
  alignas(64) uint32_t turned[kPanel * kBlockTerms];
  for (int64_t i = b.column; i < b.column + b.columns; i += kBlockTerms) {
    const int64_t terms = std::min(kBlockTerms, b.column + b.columns - i);
    for (int64_t j = 0; j < b.rows; ++j) {
      const float* from = stack.rows[b.row + j] + i;
      uint32_t* to = turned + j * kBlockTerms;
      if (type == ComputeType::kFp32) {
        std::memcpy(to, from, static_cast<size_t>(terms) * 4);
      } else {
        kernels.round_row(from, terms, to);
      }
    }
    kernels.transpose(turned, kBlockTerms, b.rows, KUnits(type, terms),
                      data + b.row / kPanel * panel_units + KUnits(type, i) * kPanel);
  }
}

// Each column is one of a panel.
void PackBlockTransposed(const Stack& stack, const Block& b, ComputeType type, uint32_t* data) {
  const GemmKernels& kernels = ActiveGemmKernels();
  const auto k = static_cast<int64_t>(stack.rows.size());
  const int64_t units = KUnits(type, k), end = b.column + b.columns;
  for (int64_t column = b.column; column < end; column += kPanelsAtOnce * kPanel) {
    const int64_t cols = std::min(kPanelsAtOnce * kPanel, end - column);
    for (int64_t i = KUnits(type, b.row); i < KUnits(type, b.row + b.rows); ++i) {
      uint32_t* to = data + (column / kPanel * units + i) * kPanel;
      if (type == ComputeType::kFp32) {
        kernels.split_f32(stack.rows[i] + column, cols, kPanel, units * kPanel, to);
      } else {
        const float* hi = 2 * i + 1 < k ? stack.rows[2 * i + 1] + column : nullptr;
        kernels.split_bf16(stack.rows[2 * i] + column, hi, cols, kPanel, units * kPanel, to);
      }
    }
  }
}

}  // namespace

void PackWeight(std::span<const View<const float>> parts, ComputeType type, PackedWeight* out,
                PackedWeight* transposed, const WeightStep& step) {
  const Stack stack(parts);
  const auto n = static_cast<int64_t>(stack.rows.size());
  const int64_t k = stack.cols, column_blocks = CeilDiv(k, kBlockColumns);
  uint32_t* data = out ? Prepare(n, k, type, out) : nullptr;
  uint32_t* turned = transposed ? Prepare(k, n, type, transposed) : nullptr;
  ParallelFor(CeilDiv(n, kBlockRows) * column_blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / column_blocks * kBlockRows,
                    column = i % column_blocks * kBlockColumns;
      const Block b = {row, std::min(kBlockRows, n - row), column,
                       std::min(kBlockColumns, k - column)};
      if (step) StepBlock(stack, b, step);
      if (data) PackBlock(stack, b, type, data);
      if (turned) PackBlockTransposed(stack, b, type, turned);
    }
  });
}

void PackWeightTransposed(std::span<const View<const float>> parts, ComputeType type,
                          PackedWeight* out) {
  PackWeight(parts, type, nullptr, out);
}

}  // namespace rlvr
