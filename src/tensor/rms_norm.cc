#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/rms_norm.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/rms_norm.h"
#include "tensor/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One row; returns rstd.
float NormRow(const float* x, const float* w, int64_t n, float eps, float* y) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float s[kChains];
  int64_t i = n / kChains * kChains;
  for (int64_t j = 0; j < kChains; j += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t k = j; k < i; k += kChains) {
      const auto v = hn::LoadU(d, x + k);
      sum = hn::MulAdd(v, v, sum);
    }
    hn::Store(sum, d, s + j);
  }
  for (; i < n; ++i) s[i % kChains] = std::fma(x[i], x[i], s[i % kChains]);
  const float r = 1.0f / std::sqrt(TreeSumV(s) / static_cast<float>(n) + eps);
  const auto vr = hn::Set(d, r);
  for (i = 0; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + i), vr), hn::LoadU(d, w + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] = x[i] * r * w[i];
  return r;
}

// dx = (add ? dx : 0) + gradient of one row; y, unless null, is the normed row.
void BackwardRow(const float* dy, const float* x, const float* w, int64_t n, float r, bool add,
                 float* dx, float* y) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float s[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (int64_t j = 0; j < kChains; j += lanes) {
      const auto g = hn::Mul(hn::LoadU(d, dy + i + j), hn::LoadU(d, w + i + j));
      hn::Store(hn::MulAdd(g, hn::LoadU(d, x + i + j), hn::Load(d, s + j)), d, s + j);
    }
  }
  for (; i < n; ++i) s[i % kChains] = std::fma(dy[i] * w[i], x[i], s[i % kChains]);
  const float k = TreeSumV(s) * r * r * r / static_cast<float>(n);
  const auto vk = hn::Set(d, k), vr = hn::Set(d, r);
  for (i = 0; i + lanes <= n; i += lanes) {
    const auto g = hn::Mul(hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, w + i)), vr);
    const auto xi = hn::LoadU(d, x + i);
    const auto v = hn::NegMulAdd(xi, vk, g);
    if (y) hn::StoreU(hn::Mul(hn::Mul(xi, vr), hn::LoadU(d, w + i)), d, y + i);
    hn::StoreU(add ? hn::Add(hn::LoadU(d, dx + i), v) : v, d, dx + i);
  }
  for (; i < n; ++i) {
    const float v = std::fma(-x[i], k, dy[i] * w[i] * r);
    dx[i] = add ? dx[i] + v : v;
    if (y) y[i] = x[i] * r * w[i];
  }
}

// sum[i] = fma(dy[i], x[i] * r, sum[i]).
void WeightRow(const float* dy, const float* x, int64_t n, float r, float* sum) {
  const hn::CappedTag<float, 16> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vr = hn::Set(d, r);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto xr = hn::Mul(hn::LoadU(d, x + i), vr);
    hn::StoreU(hn::MulAdd(hn::LoadU(d, dy + i), xr, hn::LoadU(d, sum + i)), d, sum + i);
  }
  for (; i < n; ++i) sum[i] = std::fma(dy[i], x[i] * r, sum[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {
namespace {

constexpr int64_t kRowGrain = 8;

bool Scalar() { return ActiveIsa() == Isa::kScalar; }

// dweight over units, columns shared out among threads. heads == 1 is plain RMSNorm.
void WeightGradientOfNorm(View<const float> dy, View<const float> x, int64_t heads,
                          View<const float> rstd, std::span<const int64_t> unit_begin,
                          View<float> dweight) {
  const int64_t n = dweight.size();
  const auto row = RLVR_DISPATCH(WeightRow);
  ParallelFor(n, 32, [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> sum;
    for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
      sum.assign(static_cast<size_t>(end - begin), 0.0f);
      for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; ++t) {
        for (int64_t h = 0; h < heads; ++h) {
          row(dy.row(t) + h * n + begin, x.row(t) + h * n + begin, end - begin,
              rstd.data[t * heads + h], sum.data());
        }
      }
      for (int64_t i = begin; i < end; ++i) dweight.data[i] += sum[i - begin];
    }
  });
}

}  // namespace

void RmsNorm(View<const float> x, View<const float> weight, float eps, View<float> y,
             View<float> rstd) {
  RLVR_CHECK(y.rows == x.rows && y.cols == x.cols && weight.size() == x.cols);
  RLVR_CHECK(rstd.empty() || rstd.size() == x.rows);
  if (Scalar()) return ref::RmsNorm(x, weight, eps, y, rstd);
  const auto row = RLVR_DISPATCH(NormRow);
  ParallelFor(x.rows, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float r = row(x.row(t), weight.data, x.cols, eps, y.row(t));
      if (!rstd.empty()) rstd.data[t] = r;
    }
  });
}

void RmsNormBackward(View<const float> dy, View<const float> x, View<const float> weight,
                     View<const float> rstd, std::span<const int64_t> unit_begin, View<float> dx,
                     View<float> dweight, View<float> y) {
  RLVR_CHECK(dy.rows == x.rows && dx.rows == x.rows && rstd.size() == x.rows &&
             weight.size() == x.cols && (y.empty() || (y.rows == x.rows && y.cols == x.cols)));
  if (Scalar()) return ref::RmsNormBackward(dy, x, weight, rstd, unit_begin, dx, dweight, y);
  const auto row = RLVR_DISPATCH(BackwardRow);
  ParallelFor(x.rows, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      row(dy.row(t), x.row(t), weight.data, x.cols, rstd.data[t], true, dx.row(t),
          y.empty() ? nullptr : y.row(t));
    }
  });
  if (!dweight.empty()) WeightGradientOfNorm(dy, x, 1, rstd, unit_begin, dweight);
}

void RmsNormHeads(View<const float> x, View<const float> weight, int64_t num_heads, float eps,
                  View<float> y, View<float> rstd) {
  const int64_t E = weight.size();
  RLVR_CHECK(x.cols == num_heads * E && y.cols == x.cols && y.rows == x.rows);
  ParallelFor(x.rows, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < num_heads; ++h) {
        float r;
        if (Scalar()) {
          ref::RmsNorm({x.row(t) + h * E, 1, E}, weight, eps, {y.row(t) + h * E, 1, E}, {&r, 1, 1});
        } else {
          r = RLVR_DISPATCH(NormRow)(x.row(t) + h * E, weight.data, E, eps, y.row(t) + h * E);
        }
        if (!rstd.empty()) rstd.data[t * num_heads + h] = r;
      }
    }
  });
}

void RmsNormHeadsBackward(View<const float> dy, View<const float> x, View<const float> weight,
                          int64_t num_heads, View<const float> rstd,
                          std::span<const int64_t> unit_begin, View<float> dx,
                          View<float> dweight) {
  const int64_t E = weight.size();
  RLVR_CHECK(x.cols == num_heads * E && dy.cols == x.cols && dx.cols == x.cols &&
             rstd.size() == x.rows * num_heads);
  // The weight first: dx may overwrite dy.
  if (Scalar() && !dweight.empty()) {
    for (size_t u = 0; u + 1 < unit_begin.size(); ++u) {
      for (int64_t i = 0; i < E; ++i) {
        float sum = 0;
        for (int64_t t = unit_begin[u]; t < unit_begin[u + 1]; ++t) {
          for (int64_t h = 0; h < num_heads; ++h) {
            sum = std::fma(dy(t, h * E + i), x(t, h * E + i) * rstd.data[t * num_heads + h], sum);
          }
        }
        dweight.data[i] += sum;
      }
    }
  } else if (!dweight.empty()) {
    WeightGradientOfNorm(dy, x, num_heads, rstd, unit_begin, dweight);
  }
  ParallelFor(x.rows, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < num_heads; ++h) {
        const float r = rstd.data[t * num_heads + h];
        if (Scalar()) {
          std::vector<float> g(static_cast<size_t>(E));
          ref::RmsNormBackward({dy.row(t) + h * E, 1, E}, {x.row(t) + h * E, 1, E}, weight,
                               {&r, 1, 1}, {}, {g.data(), 1, E}, {}, {});
          std::copy(g.begin(), g.end(), dx.row(t) + h * E);
        } else {
          RLVR_DISPATCH(BackwardRow)
          (dy.row(t) + h * E, x.row(t) + h * E, weight.data, E, r, false, dx.row(t) + h * E,
           nullptr);
        }
      }
    }
  });
}

}  // namespace rlvr
#endif  // HWY_ONCE
