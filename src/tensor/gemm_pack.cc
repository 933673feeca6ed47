// Weights into panels of kPanel outputs, [panel][unit of k][kPanel]; columns past the end are zero.
#include <algorithm>
#include <cstring>

#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/gemm_kernels.h"

namespace rlvr {
namespace {

constexpr int64_t kBlockTerms = 256;   // of k rounded and turned at a time: 32 KiB of scratch
constexpr int64_t kPanelsAtOnce = 16;  // written side by side: 2 KiB of each row are read at a time

// The stacked rows of `parts` as one matrix.
struct Stack {
  explicit Stack(std::span<const View<const float>> parts) {
    RLVR_CHECK(!parts.empty());
    cols = parts[0].cols;
    for (const auto& p : parts) {
      RLVR_CHECK(p.cols == cols) << p.cols << " " << cols;
      for (int64_t r = 0; r < p.rows; ++r) rows.push_back(p.row(r));
    }
  }
  std::vector<const float*> rows;
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

}  // namespace

void PackWeight(std::span<const View<const float>> parts, ComputeType type, PackedWeight* out) {
  const Stack stack(parts);
  const auto n = static_cast<int64_t>(stack.rows.size());
  const int64_t k = stack.cols, panel_units = KUnits(type, k) * kPanel;
  uint32_t* data = Prepare(n, k, type, out);
  const GemmKernels& kernels = ActiveGemmKernels();
  ParallelFor(CeilDiv(n, kPanel), 1, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t block[kPanel * kBlockTerms];
    for (int64_t p = begin; p < end; ++p) {
      const int64_t cols = std::min(kPanel, n - p * kPanel);
      for (int64_t i = 0; i < k; i += kBlockTerms) {
        const int64_t terms = std::min(kBlockTerms, k - i);
        for (int64_t j = 0; j < cols; ++j) {
          const float* from = stack.rows[p * kPanel + j] + i;
          uint32_t* to = block + j * kBlockTerms;
          if (type == ComputeType::kFp32) {
            std::memcpy(to, from, static_cast<size_t>(terms) * 4);
          } else {
            kernels.round_row(from, terms, to);
          }
        }
        kernels.transpose(block, kBlockTerms, cols, KUnits(type, terms),
                          data + p * panel_units + KUnits(type, i) * kPanel);
      }
    }
  });
}

void PackWeightTransposed(std::span<const View<const float>> parts, ComputeType type,
                          PackedWeight* out) {
  const Stack stack(parts);
  const auto k = static_cast<int64_t>(stack.rows.size());
  const int64_t n = stack.cols, units = KUnits(type, k);
  uint32_t* data = Prepare(n, k, type, out);
  const GemmKernels& kernels = ActiveGemmKernels();
  ParallelFor(CeilDiv(n, kPanel), 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p += kPanelsAtOnce) {
      const int64_t column = p * kPanel;
      const int64_t cols = std::min(n, std::min(end, p + kPanelsAtOnce) * kPanel) - column;
      for (int64_t i = 0; i < units; ++i) {
        uint32_t* to = data + (p * units + i) * kPanel;
        if (type == ComputeType::kFp32) {
          kernels.split_f32(stack.rows[i] + column, cols, kPanel, units * kPanel, to);
        } else {
          const float* hi = 2 * i + 1 < k ? stack.rows[2 * i + 1] + column : nullptr;
          kernels.split_bf16(stack.rows[2 * i] + column, hi, cols, kPanel, units * kPanel, to);
        }
      }
    }
  });
}

}  // namespace rlvr
