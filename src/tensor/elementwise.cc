#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/elementwise.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/thread_pool.h"
#include "tensor/elementwise.h"
#include "tensor/exp-inl.h"
#include "tensor/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void SwiGluRow(const float* gate, const float* up, int64_t n, float* y) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto g = hn::LoadU(d, gate + i);
    hn::StoreU(hn::Mul(hn::Div(g, hn::Add(one, ExpV(d, hn::Neg(g)))), hn::LoadU(d, up + i)), d,
               y + i);
  }
  for (; i < n; ++i) y[i] = gate[i] / (1.0f + ExpF(-gate[i])) * up[i];
}

void SwiGluBackwardRow(const float* dy, const float* gate, const float* up, int64_t n, float* dgate,
                       float* dup, float* y) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto g = hn::LoadU(d, gate + i), u = hn::LoadU(d, up + i), v = hn::LoadU(d, dy + i);
    const auto divisor = hn::Add(one, ExpV(d, hn::Neg(g)));
    const auto sigmoid = hn::Div(one, divisor);
    const auto silu = hn::Mul(g, sigmoid);
    hn::StoreU(hn::Mul(hn::Div(g, divisor), u), d, y + i);
    hn::StoreU(hn::Mul(hn::Mul(v, u), hn::MulAdd(silu, hn::Sub(one, sigmoid), sigmoid)), d,
               dgate + i);
    hn::StoreU(hn::Mul(v, silu), d, dup + i);
  }
  for (; i < n; ++i) {
    const float g = gate[i], u = up[i], v = dy[i];
    const float divisor = 1.0f + ExpF(-g);
    const float sigmoid = 1.0f / divisor;
    const float silu = g * sigmoid;
    y[i] = g / divisor * u;
    dgate[i] = v * u * std::fma(silu, 1.0f - sigmoid, sigmoid);
    dup[i] = v * silu;
  }
}

void AddRow(const float* x, int64_t n, float* y) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::LoadU(d, x + i)), d, y + i);
  for (; i < n; ++i) y[i] += x[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {

void SwiGlu(View<const float> gate_up, View<float> y) {
  RLVR_CHECK(gate_up.rows == y.rows && gate_up.cols == 2 * y.cols);
  if (ActiveIsa() == Isa::kScalar) return ref::SwiGlu(gate_up, y);
  const auto row = RLVR_DISPATCH(SwiGluRow);
  ParallelFor(y.rows, 4, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      row(gate_up.row(t), gate_up.row(t) + y.cols, y.cols, y.row(t));
  });
}

void SwiGluBackward(View<const float> dy, View<const float> gate_up, View<float> dgate_up,
                    View<float> y) {
  RLVR_CHECK(gate_up.rows == dy.rows && gate_up.cols == 2 * dy.cols &&
             dgate_up.cols == gate_up.cols && y.rows == dy.rows && y.cols == dy.cols);
  if (ActiveIsa() == Isa::kScalar) return ref::SwiGluBackward(dy, gate_up, dgate_up, y);
  const auto row = RLVR_DISPATCH(SwiGluBackwardRow);
  ParallelFor(dy.rows, 4, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      row(dy.row(t), gate_up.row(t), gate_up.row(t) + dy.cols, dy.cols, dgate_up.row(t),
          dgate_up.row(t) + dy.cols, y.row(t));
    }
  });
}

void Embedding(View<const float> table, std::span<const int32_t> tokens, View<float> y) {
  RLVR_CHECK(static_cast<int64_t>(tokens.size()) == y.rows && table.cols == y.cols);
  for (int64_t t = 0; t < y.rows; ++t) {
    RLVR_CHECK(tokens[t] >= 0 && tokens[t] < table.rows) << tokens[t];
    std::memcpy(y.row(t), table.row(tokens[t]), static_cast<size_t>(y.cols) * sizeof(float));
  }
}

void EmbeddingBackward(View<const float> dy, std::span<const int32_t> tokens,
                       std::span<const int64_t> unit_begin, View<float> dtable) {
  RLVR_CHECK(static_cast<int64_t>(tokens.size()) == dy.rows && dtable.cols == dy.cols);
  std::vector<float> sum(static_cast<size_t>(dy.cols));
  for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
    std::map<int32_t, std::vector<int64_t>> rows_of;  // token -> its rows, rising
    for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; ++t) rows_of[tokens[t]].push_back(t);
    for (const auto& [token, rows] : rows_of) {
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (const int64_t t : rows) {
        for (int64_t i = 0; i < dy.cols; ++i) sum[i] += dy(t, i);
      }
      for (int64_t i = 0; i < dy.cols; ++i) dtable(token, i) += sum[i];
    }
  }
}

void AddInPlace(View<const float> x, View<float> y) {
  RLVR_CHECK(x.rows == y.rows && x.cols == y.cols);
  ParallelFor(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) RLVR_DISPATCH(AddRow)(x.row(t), x.cols, y.row(t));
  });
}

void AddBias(View<const float> bias, View<float> y) {
  RLVR_CHECK(bias.rows == 1 && bias.cols == y.cols);
  ParallelFor(y.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) RLVR_DISPATCH(AddRow)(bias.row(0), bias.cols, y.row(t));
  });
}

void BiasGradient(View<const float> dy, std::span<const int64_t> unit_begin, View<float> dbias) {
  RLVR_CHECK(dbias.rows == 1 && dbias.cols == dy.cols && !unit_begin.empty() &&
             unit_begin.back() == dy.rows);
  ParallelFor(dy.cols, 256, [&](int64_t begin, int64_t end) {
    std::vector<float> sum(static_cast<size_t>(end - begin));
    for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
      for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; t += kGemmChunk) {
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (int64_t r = t; r < std::min(t + kGemmChunk, unit_begin[u + 1]); ++r) {
          for (int64_t i = begin; i < end; ++i) sum[i - begin] += dy(r, i);
        }
        for (int64_t i = begin; i < end; ++i) dbias(0, i) += sum[i - begin];
      }
    }
  });
}

void Copy(View<const float> x, View<float> y) {
  RLVR_CHECK(x.rows == y.rows && x.cols == y.cols);
  ParallelFor(x.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      std::memcpy(y.row(t), x.row(t), static_cast<size_t>(x.cols) * sizeof(float));
    }
  });
}

double SumOfSquares(View<const float> x) {
  RLVR_CHECK(x.stride == x.cols || x.rows <= 1);
  constexpr int64_t kBlock = 4096;
  const int64_t n = x.size(), blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> block_sums(static_cast<size_t>(blocks));
  ParallelFor(blocks, 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      double s[16] = {};
      const int64_t stop = std::min(n, (b + 1) * kBlock);
      for (int64_t i = b * kBlock; i < stop; ++i) s[i % 16] += double{x.data[i]} * x.data[i];
      double total = 0;
      for (const double v : s) total += v;
      block_sums[b] = total;
    }
  });
  double total = 0;
  for (const double v : block_sums) total += v;
  return total;
}

}  // namespace rlvr
#endif  // HWY_ONCE
