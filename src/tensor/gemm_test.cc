#include "tensor/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "base/thread_pool.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

std::vector<float> RandomFloats(int64_t n, uint64_t seed) {
  Random random{RandomKey(seed)};
  std::vector<float> v(n);
  for (auto& x : v) x = static_cast<float>(random.Normal());
  return v;
}

View<const float> In(const std::vector<float>& v, int64_t r, int64_t c) { return {v.data(), r, c}; }
View<float> Out(std::vector<float>& v, int64_t r, int64_t c) { return {v.data(), r, c}; }

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b,
                    const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i]))
        << what << " at " << i << ": " << a[i] << " " << b[i];
  }
}

struct Shape {
  int64_t m, n, k;
};
// Odd sizes, sizes of 1, the borders of tiles (14), panels (32) and chunks (512).
const std::vector<Shape> kShapes = {{1, 1, 1},    {1, 33, 7},   {2, 31, 64},
                                    {7, 64, 513}, {13, 5, 511}, {14, 96, 2},
                                    {15, 32, 65}, {64, 17, 96}, {100, 70, 1030}};

class GemmTest : public testing::TestWithParam<std::tuple<Isa, ComputeType>> {
 protected:
  void SetUp() override { SetIsa(std::get<0>(GetParam())); }
  void TearDown() override {
    SetIsa(SupportedIsas().back());
    SetNumThreads(0);
  }
  ComputeType type() const { return std::get<1>(GetParam()); }
};

TEST_P(GemmTest, MatMulHasTheReferencesBits) {
  for (const Shape& s : kShapes) {
    const auto x = RandomFloats(s.m * s.k, 1), w = RandomFloats(s.n * s.k, 2);
    const View<const float> parts[] = {In(w, s.n, s.k)};
    PackedWeight packed;
    PackWeight(parts, type(), &packed);
    for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kAdd}) {
      auto want = RandomFloats(s.m * s.n, 3), got = want;
      ref::MatMul(In(x, s.m, s.k), In(w, s.n, s.k), type(), Out(want, s.m, s.n), epilogue);
      MatMul(In(x, s.m, s.k), packed, Out(got, s.m, s.n), epilogue);
      ExpectSameBits(got, want,
                     std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k));
    }
  }
}

TEST_P(GemmTest, TransposedPackingMultipliesByW) {
  const int64_t m = 9, n = 45, k = 37;
  const auto dy = RandomFloats(m * n, 1), w = RandomFloats(n * k, 2);
  std::vector<float> transposed(n * k);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) transposed[j * n + i] = w[i * k + j];
  }
  const View<const float> parts[] = {In(w, 20, k), {w.data() + 20 * k, 25, k}};
  PackedWeight packed;
  PackWeightTransposed(parts, type(), &packed);
  std::vector<float> got(m * k), want(m * k);
  MatMul(In(dy, m, n), packed, Out(got, m, k));
  ref::MatMul(In(dy, m, n), In(transposed, k, n), type(), Out(want, m, k), Epilogue::kStore);
  ExpectSameBits(got, want, "transposed");
}

// An optimizer's step runs over every element once, within one part, before it is packed; both forms
// are of what it has made. Several blocks of rows and of columns, parts that end within a block, one of
// them with gaps between its rows.
TEST_P(GemmTest, PackingTakesTheStepAlong) {
  const int64_t k = 2070, first = 20, second = 51, n = first + second, stride = k + 3;
  for (const int threads : {1, 3}) {
    SetNumThreads(threads);
    auto w = RandomFloats(first * k, 1), gaps = RandomFloats(second * stride, 2);
    std::vector<float> stepped(n * k), transposed(n * k);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < k; ++j) {
        const float before = i < first ? w[i * k + j] : gaps[(i - first) * stride + j];
        stepped[i * k + j] = transposed[j * n + i] = before * 2;
      }
    }
    const View<const float> parts[] = {In(w, first, k), {gaps.data(), second, k, stride}};
    PackedWeight packed, packed_transposed;
    PackWeight(parts, type(), &packed, &packed_transposed, [&](const float* from, int64_t count) {
      const bool in_first = from >= w.data() && from < w.data() + w.size();
      auto& part = in_first ? w : gaps;
      ASSERT_LE(from + count, part.data() + part.size());
      for (int64_t i = from - part.data(); count > 0; ++i, --count) part[i] *= 2;
    });
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < k; ++j)
        ASSERT_EQ(i < first ? w[i * k + j] : gaps[(i - first) * stride + j], stepped[i * k + j])
            << i << " " << j;
    }
    const auto x = RandomFloats(2 * k, 3), dy = RandomFloats(2 * n, 4);
    std::vector<float> y(2 * n), want_y(2 * n), dx(2 * k), want_dx(2 * k);
    MatMul(In(x, 2, k), packed, Out(y, 2, n));
    ref::MatMul(In(x, 2, k), In(stepped, n, k), type(), Out(want_y, 2, n), Epilogue::kStore);
    ExpectSameBits(y, want_y, "forward");
    MatMul(In(dy, 2, n), packed_transposed, Out(dx, 2, k));
    ref::MatMul(In(dy, 2, n), In(transposed, k, n), type(), Out(want_dx, 2, k), Epilogue::kStore);
    ExpectSameBits(dx, want_dx, "transposed");
  }
}

TEST_P(GemmTest, RowDoesNotDependOnBatchPositionOrThreads) {
  const int64_t m = 150, n = 100, k = 700;
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  const View<const float> parts[] = {In(w, n, k)};
  PackedWeight packed;
  PackWeight(parts, type(), &packed);
  SetNumThreads(1);
  std::vector<float> all(m * n);
  MatMul(In(x, m, k), packed, Out(all, m, n));
  for (int threads : {1, 2, 3}) {
    SetNumThreads(threads);
    for (int64_t rows : {1, 2, 14, 15, 64, 130}) {
      for (int64_t from : {0, 1, 13, 20}) {
        std::vector<float> part(rows * n);
        MatMul(In(x, m, k).Rows(from, from + rows), packed, Out(part, rows, n));
        ASSERT_EQ(std::memcmp(part.data(), all.data() + from * n, part.size() * 4), 0)
            << threads << " " << rows << " " << from;
      }
    }
  }
}

// Larger than a core's own cache: other shares of the threads, and the next panel is asked for; or of
// so many terms that sums pass through y. The reference makes four rows of them.
TEST_P(GemmTest, LargeWeightHasTheReferencesBits) {
  if (std::get<0>(GetParam()) == Isa::kScalar) return;  // it is the reference
  const struct {
    int64_t n, k;
    std::vector<int64_t> rows;
  } products[] = {{1210, 600, {29, 45, 530}}, {35, 14100, {600}}};
  for (const auto& [n, k, all_rows] : products) {
    const auto x_data = RandomFloats(all_rows.back() * k, 1), w = RandomFloats(n * k, 2);
    const View<const float> parts[] = {In(w, n, k)};
    PackedWeight packed;
    PackWeight(parts, type(), &packed);
    for (const int64_t rows : all_rows) {
      for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kAdd}) {
        const auto before = RandomFloats(rows * n, 3);
        std::vector<float> want(4 * n);
        const int64_t some[] = {0, 14, rows / 2, rows - 1};
        for (int64_t i = 0; i < 4; ++i) {
          std::copy_n(&before[some[i] * n], n, &want[i * n]);
          ref::MatMul({&x_data[some[i] * k], 1, k}, In(w, n, k), type(), {&want[i * n], 1, n},
                      epilogue);
        }
        for (const int threads : {1, 2, 3}) {
          SetNumThreads(threads);
          auto y = before;
          MatMul({x_data.data(), rows, k}, packed, Out(y, rows, n), epilogue);
          for (int64_t i = 0; i < 4; ++i) {
            ASSERT_EQ(std::memcmp(&y[some[i] * n], &want[i * n], n * 4), 0)
                << k << " terms, " << rows << " rows, " << threads << " threads, row " << some[i];
          }
        }
      }
    }
  }
}

TEST_P(GemmTest, StridedViews) {
  const int64_t m = 20, n = 40, k = 24;
  const auto x = RandomFloats(m * 50, 1), w = RandomFloats(n * k, 2);
  const View<const float> parts[] = {In(w, n, k)};
  PackedWeight packed;
  PackWeight(parts, type(), &packed);
  std::vector<float> got(m * 60, 7.0f), want(m * n), dense;
  for (int64_t i = 0; i < m; ++i) dense.insert(dense.end(), &x[i * 50 + 5], &x[i * 50 + 5 + k]);
  MatMul(In(x, m, 50).Cols(5, 5 + k), packed, Out(got, m, 60).Cols(3, 3 + n));
  ref::MatMul(In(dense, m, k), In(w, n, k), type(), Out(want, m, n), Epilogue::kStore);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < 60; ++j)
      EXPECT_EQ(got[i * 60 + j], j >= 3 && j < 3 + n ? want[i * n + j - 3] : 7.0f);
  }
}

TEST_P(GemmTest, WeightGradientHasTheReferencesBits) {
  for (const Shape& s : kShapes) {
    const int64_t tokens = s.k;  // the reduction
    const auto dy = RandomFloats(tokens * s.n, 1), x = RandomFloats(tokens * s.m, 2);
    std::vector<int64_t> units = {0};
    if (tokens > 3) units.push_back(tokens / 3);
    units.push_back(tokens);
    auto want = RandomFloats(s.n * s.m, 3), got = want;
    ref::WeightGradient(In(dy, tokens, s.n), In(x, tokens, s.m), units, type(),
                        Out(want, s.n, s.m));
    for (int threads : {1, 2}) {
      SetNumThreads(threads);
      auto dw = got;
      WeightGradient(In(dy, tokens, s.n), In(x, tokens, s.m), units, type(), Out(dw, s.n, s.m));
      ExpectSameBits(dw, want, "tokens " + std::to_string(tokens));
    }
  }
}

TEST_P(GemmTest, WeightGradientDoesNotDependOnTheSplitBetweenUnits) {
  const int64_t n = 40, k = 50;
  const std::vector<int64_t> units = {0, 700, 701, 1500, 5000};
  const auto dy = RandomFloats(5000 * n, 1), x = RandomFloats(5000 * k, 2);
  std::vector<float> whole(n * k), split(n * k);
  WeightGradient(In(dy, 5000, n), In(x, 5000, k), units, type(), Out(whole, n, k));
  for (size_t u = 0; u + 1 < units.size(); ++u) {
    const std::vector<int64_t> one = {0, units[u + 1] - units[u]};
    WeightGradient(In(dy, 5000, n).Rows(units[u], units[u + 1]),
                   In(x, 5000, k).Rows(units[u], units[u + 1]), one, type(), Out(split, n, k));
  }
  ExpectSameBits(whole, split, "split");
}

// Wide enough for several passes over the tokens and several blocks of panels; of few tokens, and so
// large that threads have several pieces; of so many rows that blocks of them come one after the other.
// The reference makes two corners of dw and a part of its middle.
TEST_P(GemmTest, WideWeightGradientHasTheReferencesBits) {
  if (std::get<0>(GetParam()) == Isa::kScalar) return;  // it is the reference
  const struct {
    int64_t n, k;
    std::vector<int64_t> units;
  } products[] = {
      {300, 610, {0, 3, 1500, 2301}}, {1500, 1850, {0, 2, 9}}, {4200, 45, {0, 70, 1100}}};
  for (const auto& [n, k, units] : products) {
    const int64_t tokens = units.back();
    const auto dy_data = RandomFloats(tokens * n, 1), x_data = RandomFloats(tokens * k, 2);
    const auto dy = In(dy_data, tokens, n), x = In(x_data, tokens, k);
    for (int threads : {1, 2, 3}) {
      SetNumThreads(threads);
      std::vector<float> got(n * k);
      WeightGradient(dy, x, units, type(), Out(got, n, k));
      for (const auto& [row, col] :
           {std::pair<int64_t, int64_t>{0, 0}, {n / 2 - 5, k / 2 - 5}, {n - 10, k - 10}}) {
        std::vector<float> want(10 * 10);
        ref::WeightGradient(dy.Cols(row, row + 10), x.Cols(col, col + 10), units, type(),
                            Out(want, 10, 10));
        for (int64_t i = 0; i < 100; ++i) {
          ASSERT_EQ(got[(row + i / 10) * k + col + i % 10], want[i]) << threads << " " << i;
        }
      }
    }
  }
}

TEST_P(GemmTest, NoTokensLeaveTheGradient) {
  const std::vector<float> before = {1, -0.0f, 3, 4, 5, 6};
  auto dw = before;
  const std::vector<int64_t> none = {0}, empty_unit = {0, 0};
  for (const auto& units : {none, empty_unit}) {
    WeightGradient({nullptr, 0, 2}, {nullptr, 0, 3}, units, type(), Out(dw, 2, 3));
    ExpectSameBits(dw, before, "no tokens");
  }
}

TEST_P(GemmTest, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity();
  const float almost_normal = std::bit_cast<float>(0x007fffffu);  // rounds to the smallest normal
  const std::vector<float> w = {1e30f, 1.0f};                     // [1, 2]
  const View<const float> parts[] = {In(w, 1, 2)};
  PackedWeight packed;
  PackWeight(parts, type(), &packed);
  const std::vector<float> x = {inf, 1, std::nanf(""), 1, inf, -inf, 1e-40f, 0, almost_normal, 0};
  std::vector<float> y(5);
  MatMul(In(x, 5, 2), packed, Out(y, 5, 1));
  EXPECT_EQ(y[0], inf);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_TRUE(std::isnan(y[2]));
  if (type() == ComputeType::kFp32) {
    EXPECT_EQ(y[3], 1e-40f * 1e30f);
    EXPECT_EQ(y[4], almost_normal * 1e30f);
  } else {  // a bf16 subnormal counts as zero
    EXPECT_EQ(y[3], 0.0f);
    EXPECT_EQ(y[4], std::ldexp(1.0f, -126) * ToFloat(ToBf16(1e30f)));
  }
}

// Every kind of number in every place of a vector, against the reference: x as rows of a product,
// and as a factor of a weight gradient.
TEST_P(GemmTest, SpecialValuesHaveTheReferencesBits) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> special = {0.0f,
                                      -0.0f,
                                      inf,
                                      -inf,
                                      1e-40f,
                                      -1e-40f,
                                      3.4e38f,
                                      1.5f,
                                      0x1p-126f,
                                      -0x1p-126f,
                                      std::bit_cast<float>(0x007fffffu),
                                      std::bit_cast<float>(0x807f8000u),
                                      std::bit_cast<float>(0x007f7fffu),
                                      std::bit_cast<float>(0x3f808000u),
                                      std::bit_cast<float>(0x7fc00001u),
                                      std::bit_cast<float>(0x7f800001u)};
  const int64_t rows = 33, k = 75;
  std::vector<float> x(rows * k);
  for (size_t i = 0; i < x.size(); ++i) x[i] = special[(i * 7 + i / 75) % special.size()];
  // A unit vector picks one number of x; zeros times infinity are NaN, so it meets finite ones too.
  for (int64_t finite = 0; finite < 2; ++finite) {
    if (finite) {
      for (float& v : x) {
        if (!std::isfinite(v)) v = 0.25f;
      }
    }
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
      for (size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i])) << i;
      }
    };
    std::vector<float> w(k * k);
    for (int64_t i = 0; i < k; ++i) w[i * k + i] = 1024;
    const View<const float> parts[] = {In(w, k, k)};
    PackedWeight packed;
    PackWeight(parts, type(), &packed);
    std::vector<float> y(rows * k), want(rows * k);
    MatMul(In(x, rows, k), packed, Out(y, rows, k));
    ref::MatMul(In(x, rows, k), In(w, k, k), type(), Out(want, rows, k), Epilogue::kStore);
    same(y, want);

    std::vector<float> dy(rows * rows), dw(rows * k), want_dw(rows * k);
    for (int64_t i = 0; i < rows; ++i) dy[i * rows + i] = 1024;
    const std::vector<int64_t> units = {0, rows};
    WeightGradient(In(dy, rows, rows), In(x, rows, k), units, type(), Out(dw, rows, k));
    ref::WeightGradient(In(dy, rows, rows), In(x, rows, k), units, type(), Out(want_dw, rows, k));
    same(dw, want_dw);
  }
}

// Against double precision: |error| <= (512 + chunks) * 2^-24 * sum |x w| for the additions, and
// 2 * 2^-9 for rounding both inputs to bf16 (both with a little room for second-order terms).
TEST_P(GemmTest, NearDoublePrecision) {
  const int64_t m = 5, n = 6, k = 2000;
  const auto x = RandomFloats(m * k, 1), w = RandomFloats(n * k, 2);
  const View<const float> parts[] = {In(w, n, k)};
  PackedWeight packed;
  PackWeight(parts, type(), &packed);
  std::vector<float> y(m * n);
  MatMul(In(x, m, k), packed, Out(y, m, n));
  const double additions = (kGemmChunk + 4) * 0x1p-24;
  const double unit = 1.01 * (type() == ComputeType::kFp32 ? additions : 0x1p-8 + additions);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t c = 0; c < k; ++c) {
        sum += double{x[i * k + c]} * w[j * k + c];
        magnitude += std::abs(double{x[i * k + c]} * w[j * k + c]);
      }
      EXPECT_NEAR(y[i * n + j], sum, unit * magnitude);
    }
  }
}

std::vector<std::tuple<Isa, ComputeType>> Configurations() {
  std::vector<std::tuple<Isa, ComputeType>> all;
  for (const Isa isa : SupportedIsas()) {
    for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16})
      all.emplace_back(isa, type);
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, GemmTest, testing::ValuesIn(Configurations()), [](const auto& info) {
  return std::string(ToString(std::get<0>(info.param))) + "_" + ToString(std::get<1>(info.param));
});

TEST(Bf16, RoundsToNearestEven) {
  const auto round = [](uint32_t bits) { return ToBf16(std::bit_cast<float>(bits)).bits; };
  EXPECT_EQ(round(0x3f808000), 0x3f80);  // a tie goes to the even one
  EXPECT_EQ(round(0x3f818000), 0x3f82);
  EXPECT_EQ(round(0x3f808001), 0x3f81);
  EXPECT_EQ(round(0x7f7fffff), 0x7f80);           // the largest float becomes infinity
  EXPECT_EQ(round(0x7f800001) & 0x7fff, 0x7fc0);  // NaN stays NaN
  EXPECT_EQ(round(0xff800000), 0xff80);
}

}  // namespace
}  // namespace rlvr
