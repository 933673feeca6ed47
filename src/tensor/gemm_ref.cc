// The order of addition of every matrix product, in plain loops (gemm.h).
#include <algorithm>
#include <cmath>

#include "tensor/gemm.h"

namespace rlvr::ref {
namespace {

// What vdpbf16ps reads: rounded to bf16, subnormals as zero.
float Bf16Input(float x) {
  const float r = ToFloat(ToBf16(x));
  return std::fpclassify(r) == FP_SUBNORMAL ? std::copysign(0.0f, r) : r;
}

// One chain over [begin, end) from 0; x(i) and w(i) give the terms.
template <class X, class W>
float Chain(ComputeType type, int64_t begin, int64_t end, X x, W w) {
  float acc = 0;
  if (type == ComputeType::kFp32) {
    for (int64_t i = begin; i < end; ++i) acc = std::fma(x(i), w(i), acc);
    return acc;
  }
  for (int64_t i = begin; i < end; i += 2) {
    if (i + 1 < end)
      acc = std::fma(Bf16Input(x(i + 1)), Bf16Input(w(i + 1)), acc);
    else
      acc = std::fma(0.0f, 0.0f, acc);
    acc = std::fma(Bf16Input(x(i)), Bf16Input(w(i)), acc);
  }
  return acc;
}

}  // namespace

void MatMul(View<const float> x, View<const float> w, ComputeType type, View<float> y,
            Epilogue epilogue) {
  RLVR_CHECK(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows);
  for (int64_t m = 0; m < x.rows; ++m) {
    for (int64_t n = 0; n < w.rows; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < x.cols; k += kGemmChunk) {
        sum += Chain(
            type, k, std::min(k + kGemmChunk, x.cols), [&](int64_t i) { return x(m, i); },
            [&](int64_t i) { return w(n, i); });
      }
      y(m, n) = epilogue == Epilogue::kAdd ? y(m, n) + sum : sum;
    }
  }
}

void WeightGradient(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                    ComputeType type, View<float> dw) {
  RLVR_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols);
  for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
    for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; t += kGemmChunk) {
      const int64_t end = std::min(t + kGemmChunk, unit_begin[u + 1]);
      for (int64_t n = 0; n < dw.rows; ++n) {
        for (int64_t k = 0; k < dw.cols; ++k) {
          dw(n, k) += Chain(
              type, t, end, [&](int64_t i) { return dy(i, n); },
              [&](int64_t i) { return x(i, k); });
        }
      }
    }
  }
}

}  // namespace rlvr::ref
