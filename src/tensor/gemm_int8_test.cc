#include "tensor/gemm_int8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "base/thread_pool.h"
#include "tensor/gemm_int8_kernels.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> RandomFloats(int64_t n, uint64_t seed) {
  Random random{RandomKey(seed)};
  std::vector<float> v(static_cast<size_t>(n));
  for (auto& x : v) x = static_cast<float>(random.Normal());
  return v;
}
View<const float> In(const std::vector<float>& v, int64_t r, int64_t c) { return {v.data(), r, c}; }
View<float> Out(std::vector<float>& v, int64_t r, int64_t c) { return {v.data(), r, c}; }

PackedWeight Pack(const std::vector<float>& w, int64_t n, int64_t k) {
  const View<const float> parts[] = {In(w, n, k)};
  PackedWeight packed;
  PackWeightInt8(parts, &packed);
  return packed;
}

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b,
                    const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i]))
        << what << " at " << i << ": " << a[i] << " " << b[i];
  }
}

// W = [[127, -254], [1, 1]]: s = 2 and 1/127; q = [63.5 -> 64, -127] and [127, 127].
// x = [1, 0.5]: s = 1/127, q = [127, 63.5 -> 64].  Sums: 64 * 127 - 127 * 64 = 0; 127 * 191 = 24257.
TEST(GemmInt8, HandWorked) {
  std::vector<int8_t> q(2);
  const std::vector<float> w = {127, -254, 1, 1}, x = {1, 0.5f};
  EXPECT_EQ(ref::QuantizeInt8(w.data(), 2, q.data()), 2);
  EXPECT_EQ(q, (std::vector<int8_t>{64, -127}));  // 63.5 goes to the even one
  EXPECT_EQ(ref::QuantizeInt8(x.data(), 2, q.data()), 1.0f / 127);
  EXPECT_EQ(q, (std::vector<int8_t>{127, 64}));
  std::vector<float> y = {10, 10};
  ref::MatMulInt8(In(x, 1, 2), In(w, 2, 2), Out(y, 1, 2), Epilogue::kStore);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 24257.0f * ((1.0f / 127) * (1.0f / 127)));
  ref::MatMulInt8(In(x, 1, 2), In(w, 2, 2), Out(y, 1, 2), Epilogue::kAdd);
  EXPECT_EQ(y[1], 2 * (24257.0f * ((1.0f / 127) * (1.0f / 127))));
}

class GemmInt8OnIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { SetIsa(GetParam()); }
  void TearDown() override {
    SetIsa(SupportedIsas().back());
    SetNumThreads(0);
  }
};
INSTANTIATE_TEST_SUITE_P(All, GemmInt8OnIsa, testing::ValuesIn(SupportedIsas()),
                         [](const auto& info) { return std::string(ToString(info.param)); });

struct Shape {
  int64_t m, n, k;
};
// Odd sizes, sizes of 1, the borders of tiles (14), panels (32) and units of k (4).
const std::vector<Shape> kShapes = {{1, 1, 1},    {1, 33, 7},   {2, 31, 64},   {3, 32, 66},
                                    {5, 40, 129}, {7, 64, 513}, {13, 5, 511},  {14, 96, 2},
                                    {15, 32, 65}, {64, 17, 96}, {70, 70, 1030}};

TEST_P(GemmInt8OnIsa, HasTheReferencesBits) {
  for (const Shape& s : kShapes) {
    const auto x = RandomFloats(s.m * s.k, 1), w = RandomFloats(s.n * s.k, 2);
    const PackedWeight packed = Pack(w, s.n, s.k);
    for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kAdd}) {
      auto want = RandomFloats(s.m * s.n, 3), got = want;
      ref::MatMulInt8(In(x, s.m, s.k), In(w, s.n, s.k), Out(want, s.m, s.n), epilogue);
      MatMul(In(x, s.m, s.k), packed, Out(got, s.m, s.n), epilogue);
      ExpectSameBits(got, want,
                     std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k));
    }
  }
}

TEST_P(GemmInt8OnIsa, RowDoesNotDependOnBatchPositionOrThreads) {
  const int64_t m = 150, n = 100, k = 700;
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  const PackedWeight packed = Pack(w, n, k);
  SetNumThreads(1);
  std::vector<float> all(static_cast<size_t>(m * n));
  MatMul(In(x, m, k), packed, Out(all, m, n));
  for (int threads : {1, 2, 3}) {
    SetNumThreads(threads);
    for (int64_t rows : {1, 2, 14, 15, 64, 130}) {
      for (int64_t from : {0, 1, 13, 20}) {
        std::vector<float> part(static_cast<size_t>(rows * n));
        MatMul(In(x, m, k).Rows(from, from + rows), packed, Out(part, rows, n));
        ASSERT_EQ(std::memcmp(part.data(), all.data() + from * n, part.size() * 4), 0)
            << threads << " " << rows << " " << from;
      }
    }
  }
}

TEST_P(GemmInt8OnIsa, StridedViewsAndStackedParts) {
  const int64_t m = 20, n = 40, k = 24;
  const auto x = RandomFloats(m * 50, 1), w = RandomFloats(n * k, 2);
  const View<const float> parts[] = {In(w, 15, k), {w.data() + 15 * k, 25, k}};
  PackedWeight packed;
  PackWeightInt8(parts, &packed);
  std::vector<float> got(static_cast<size_t>(m * 60), 7.0f), want(static_cast<size_t>(m * n)),
      dense;
  for (int64_t i = 0; i < m; ++i) dense.insert(dense.end(), &x[i * 50 + 5], &x[i * 50 + 5 + k]);
  MatMul(In(x, m, 50).Cols(5, 5 + k), packed, Out(got, m, 60).Cols(3, 3 + n));
  ref::MatMulInt8(In(dense, m, k), In(w, n, k), Out(want, m, n), Epilogue::kStore);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < 60; ++j)
      EXPECT_EQ(got[i * 60 + j], j >= 3 && j < 3 + n ? want[i * n + j - 3] : 7.0f);
  }
}

// The largest sums that there can be: 127 * 127 * K, and 255 * 127 * K on the way.
TEST_P(GemmInt8OnIsa, LargestSumsDoNotOverflow) {
  for (const int64_t k : {int64_t{8192}, kInt8MaxInputs}) {
    std::vector<float> x(static_cast<size_t>(2 * k), 1), w = x;
    for (int64_t i = 0; i < k; ++i)
      x[static_cast<size_t>(k + i)] = w[static_cast<size_t>(k + i)] = -1;
    std::vector<float> y(4);
    MatMul(In(x, 2, k), Pack(w, 2, k), Out(y, 2, 2));
    const float sum = static_cast<float>(127 * 127 * k) * ((1.0f / 127) * (1.0f / 127));
    ExpectSameBits(y, {sum, -sum, -sum, sum}, std::to_string(k));
  }
}

// Rows and channels of zeros, of numbers too small to count, and with a NaN or an infinity anywhere.
TEST_P(GemmInt8OnIsa, SpecialValuesHaveTheReferencesBits) {
  const int64_t m = 9, n = 37, k = 75;
  auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  const auto row = [k](std::vector<float>& v, int64_t r, float value) {
    std::fill_n(v.begin() + r * k, k, value);
  };
  row(x, 1, 0);
  row(x, 2, 1e-40f);
  row(x, 3, -0x1p-101f);
  row(x, 8, 0x1p-100f);
  x[4 * k + 74] = std::nanf("");
  x[5 * k + 3] = kInf;
  x[6 * k + 40] = -kInf;
  x[7 * k] = 3.4e38f;
  row(w, 1, 0);
  row(w, 2, -1e-40f);
  w[33 * k + 70] = std::nanf("");
  w[34 * k] = kInf;
  std::vector<float> got(static_cast<size_t>(m * n)), want = got;
  ref::MatMulInt8(In(x, m, k), In(w, n, k), Out(want, m, n), Epilogue::kStore);
  MatMul(In(x, m, k), Pack(w, n, k), Out(got, m, n));
  ExpectSameBits(got, want, "special");
  for (int64_t j = 0; j < n; ++j) {
    const bool broken = j == 33 || j == 34;  // channels
    for (const int64_t i : {4, 5, 6}) EXPECT_TRUE(std::isnan(got[static_cast<size_t>(i * n + j)]));
    for (const int64_t i : {1, 2, 3})
      EXPECT_TRUE(broken ? std::isnan(got[i * n + j]) : got[i * n + j] == 0) << i << " " << j;
    EXPECT_EQ(std::isnan(got[j]), broken);
  }
}

// This machine may have kernels that its best instruction set hides.
TEST(GemmInt8, EveryKernelHasTheSameBits) {
  std::vector<const Int8Kernels*> all;
  for (const Isa isa : SupportedIsas()) {
    if (isa == Isa::kAvx2) all.push_back(&Avx2Int8Kernels());
    if (isa == Isa::kAvx512) all.push_back(&Avx512Int8Kernels());
  }
  if (HasVnni() && SupportedIsas().back() >= Isa::kAvx512) all.push_back(&VnniInt8Kernels());
  const int64_t m = kTileRows, n = 32, k = 301, units = Int8Units(k);
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  std::vector<float> want(static_cast<size_t>(m * n));
  ref::MatMulInt8(In(x, m, k), In(w, n, k), Out(want, m, n), Epilogue::kStore);
  const PackedWeight packed = Pack(w, n, k);
  for (const Int8Kernels* kernels : all) {
    std::vector<uint32_t> a(static_cast<size_t>(m * units));
    std::vector<Int8Row> rows;
    for (int64_t r = 0; r < m; ++r)
      rows.push_back(kernels->quantize(x.data() + r * k, k, a.data() + r * units));
    for (int64_t height = 1; height <= m; ++height) {
      std::vector<float> got = want;
      std::fill_n(got.begin(), height * n, 7.0f);
      kernels->tile({.rows = height,
                     .units = units,
                     .a = a.data(),
                     .a_row = units,
                     .row = rows.data(),
                     .panel = reinterpret_cast<const uint32_t*>(packed.data.data()),
                     .col_scale = packed.scale.data(),
                     .y = got.data(),
                     .y_stride = n,
                     .cols = n});
      ExpectSameBits(got, want, std::to_string(height));
    }
  }
}

// Each number is off by at most s / 2: |error| <= sum |x| sw/2 + |w| sx/2 + K sx sw / 4.
TEST(GemmInt8, NearDoublePrecision) {
  const int64_t m = 5, n = 6, k = 2000;
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  std::vector<float> y(static_cast<size_t>(m * n));
  MatMul(In(x, m, k), Pack(w, n, k), Out(y, m, n));
  const auto largest = [k](const float* v) {
    float a = 0;
    for (int64_t i = 0; i < k; ++i) a = std::max(a, std::abs(v[i]));
    return double{a};
  };
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const float *xi = &x[static_cast<size_t>(i * k)], *wj = &w[static_cast<size_t>(j * k)];
      const double sx = largest(xi) / 127, sw = largest(wj) / 127;
      double sum = 0, bound = static_cast<double>(k) * sx * sw / 4;
      for (int64_t c = 0; c < k; ++c) {
        sum += double{xi[c]} * wj[c];
        bound += std::abs(xi[c]) * sw / 2 + std::abs(wj[c]) * sx / 2;
      }
      EXPECT_NEAR(y[static_cast<size_t>(i * n + j)], sum, 1.0001 * bound);
      EXPECT_NEAR(y[static_cast<size_t>(i * n + j)], sum, 5);  // what is usual: errors cancel
    }
  }
}

}  // namespace
}  // namespace rlvr
