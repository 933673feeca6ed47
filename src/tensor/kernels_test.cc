// Every kernel but the matrix product: bits of the reference on every instruction set and thread
// count, and the references against double precision and finite differences.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "base/random.h"
#include "base/thread_pool.h"
#include "tensor/tensor.h"

namespace rlvr {
namespace {

using Floats = std::vector<float>;

Floats RandomFloats(int64_t n, uint64_t seed, float scale = 1) {
  Random random{RandomKey(seed)};
  Floats v(n);
  for (auto& x : v) x = scale * static_cast<float>(random.Normal());
  return v;
}
View<const float> In(const Floats& v, int64_t r, int64_t c) { return {v.data(), r, c}; }
View<float> Out(Floats& v, int64_t r, int64_t c) { return {v.data(), r, c}; }

// Runs `kernel` on every instruction set and 1, 2, 3 threads; all must give the scalar reference's
// bits.
void ExpectSameEverywhere(const std::function<Floats()>& kernel) {
  SetIsa(Isa::kScalar);
  const Floats want = kernel();
  for (const Isa isa : SupportedIsas()) {
    for (int threads : {1, 2, 3}) {
      SetIsa(isa);
      SetNumThreads(threads);
      const Floats got = kernel();
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(want[i]))
            << ToString(isa) << " " << threads << " threads, element " << i << ": " << got[i] << " "
            << want[i];
      }
    }
  }
  SetIsa(SupportedIsas().back());
  SetNumThreads(0);
}

double UlpsApart(float got, double want) {
  const double ulp =
      std::abs(std::nextafter(static_cast<float>(want), INFINITY) - static_cast<float>(want));
  return std::abs(got - want) / ulp;
}

TEST(Exp, WithinTwoUlps) {
  double worst = 0;
  for (double x = -86.9; x < 88.6; x += 0.00137) {
    const auto f = static_cast<float>(x);
    worst = std::max(worst, UlpsApart(ExpF(f), std::exp(double{f})));
  }
  EXPECT_LT(worst, 2.0);
  EXPECT_EQ(ExpF(0.0f), 1.0f);
  EXPECT_EQ(ExpF(-88.0f), 0.0f);
  EXPECT_EQ(ExpF(-INFINITY), 0.0f);
  EXPECT_EQ(ExpF(89.0f), INFINITY);
  EXPECT_TRUE(std::isnan(ExpF(NAN)));
}

// Softmax weights in vectors know no more of exp than they need: up to 88, and NaN.
TEST(Exp, OfSoftmaxIsExpF) {
  Floats x = {0.0f, -0.0f, -INFINITY, -1e30f, -1e-30f, -87.0f, 88.0f};
  x.push_back(std::nextafter(-87.0f, 0.0f));
  x.push_back(std::nextafter(-87.0f, -100.0f));
  for (double v = -88; v < 88; v += 0.000991) x.push_back(static_cast<float>(v));
  Floats weights(x.size());
  RowWeights(x, {.max = 0}, 1, weights);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(weights[i]), std::bit_cast<uint32_t>(ExpF(x[i]))) << x[i];
  Floats bad(32, -1.0f), out(32);
  bad[3] = NAN;
  RowWeights(bad, {.max = 0}, 1, out);
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i == 3) << i;
}

TEST(Log, WithinTwoUlps) {
  double worst = 0;
  for (float x = 1.2e-38f; x < 3e38f; x *= 1.00123f)
    worst = std::max(worst, UlpsApart(LogF(x), std::log(double{x})));
  EXPECT_LT(worst, 2.0);
  EXPECT_EQ(LogF(1.0f), 0.0f);
  EXPECT_EQ(LogF(0.0f), -INFINITY);
  EXPECT_EQ(LogF(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(LogF(-1.0f)));
}

TEST(RmsNorm, SameBitsEverywhere) {
  for (const auto& [T, D] : {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {33, 64}, {20, 130}}) {
    const Floats x = RandomFloats(T * D, 1), w = RandomFloats(D, 2), dy = RandomFloats(T * D, 3);
    const std::vector<int64_t> units = {0, T / 2, T};
    ExpectSameEverywhere([&] {
      Floats y(T * D), rstd(T), dx = RandomFloats(T * D, 4), dw = RandomFloats(D, 5);
      RmsNorm(In(x, T, D), In(w, 1, D), 1e-6f, Out(y, T, D), Out(rstd, 1, T));
      Floats again(T * D);
      RmsNormBackward(In(dy, T, D), In(x, T, D), In(w, 1, D), In(rstd, 1, T), units, Out(dx, T, D),
                      Out(dw, 1, D), Out(again, T, D));
      EXPECT_EQ(again, y);
      y.insert(y.end(), rstd.begin(), rstd.end());
      y.insert(y.end(), dx.begin(), dx.end());
      y.insert(y.end(), dw.begin(), dw.end());
      return y;
    });
  }
}

TEST(RmsNormHeads, SameBitsEverywhere) {
  const int64_t T = 9, H = 3, E = 24;
  const Floats x = RandomFloats(T * H * E, 1), w = RandomFloats(E, 2),
               dy = RandomFloats(T * H * E, 3);
  const std::vector<int64_t> units = {0, 4, T};
  ExpectSameEverywhere([&] {
    Floats y(T * H * E), rstd(T * H), dx = dy, dw(E);
    RmsNormHeads(In(x, T, H * E), In(w, 1, E), H, 1e-6f, Out(y, T, H * E), Out(rstd, T, H));
    RmsNormHeadsBackward(In(dx, T, H * E), In(x, T, H * E), In(w, 1, E), H, In(rstd, T, H), units,
                         Out(dx, T, H * E), Out(dw, 1, E));
    y.insert(y.end(), dx.begin(), dx.end());
    y.insert(y.end(), dw.begin(), dw.end());
    return y;
  });
}

TEST(RmsNorm, GradientMatchesFiniteDifferences) {
  const int64_t D = 13;
  const Floats x = RandomFloats(D, 1), w = RandomFloats(D, 2), dy = RandomFloats(D, 3);
  const auto loss = [&](const std::vector<double>& xv, const std::vector<double>& wv) {
    double mean = 0, sum = 0;
    for (double v : xv) mean += v * v / D;
    for (int64_t i = 0; i < D; ++i) sum += dy[i] * xv[i] * wv[i] / std::sqrt(mean + 1e-6);
    return sum;
  };
  Floats y(D), rstd(1), dx(D), dw(D);
  RmsNorm(In(x, 1, D), In(w, 1, D), 1e-6f, Out(y, 1, D), Out(rstd, 1, 1));
  RmsNormBackward(In(dy, 1, D), In(x, 1, D), In(w, 1, D), In(rstd, 1, 1),
                  std::vector<int64_t>{0, 1}, Out(dx, 1, D), Out(dw, 1, D));
  std::vector<double> xd(x.begin(), x.end()), wd(w.begin(), w.end());
  for (int64_t i = 0; i < D; ++i) {
    for (auto [v, g] : {std::pair{&xd, dx[i]}, {&wd, dw[i]}}) {
      const double keep = (*v)[i], h = 1e-6;
      (*v)[i] = keep + h;
      const double up = loss(xd, wd);
      (*v)[i] = keep - h;
      const double down = loss(xd, wd);
      (*v)[i] = keep;
      EXPECT_NEAR(g, (up - down) / (2 * h), 2e-5);
    }
  }
}

TEST(Rope, SameBitsAndInverse) {
  const int64_t T = 7, H = 2, E = 12;
  const RopeTable table(RopeFrequencies(E, 10000.0), 64);
  const std::vector<int32_t> positions = {0, 1, 2, 30, 31, 5, 63};
  const Floats x = RandomFloats(T * H * E, 1);
  ExpectSameEverywhere([&] {
    Floats a = x, b = x;
    Rope(table, positions, H, Out(a, T, H * E));
    RopeBackward(table, positions, H, Out(b, T, H * E));
    a.insert(a.end(), b.begin(), b.end());
    return a;
  });
  // By hand: position 1, the pair (0, E/2) turns by 1 radian.
  Floats one(E, 0.0f);
  one[0] = 1;
  Rope(table, std::vector<int32_t>{1}, 1, Out(one, 1, E));
  EXPECT_NEAR(one[0], std::cos(1.0), 1e-7);
  EXPECT_NEAR(one[E / 2], std::sin(1.0), 1e-7);
  // Backward is the transpose, which is the inverse of a rotation.
  Floats y = x;
  Rope(table, positions, H, Out(y, T, H * E));
  RopeBackward(table, positions, H, Out(y, T, H * E));
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], x[i], 1e-6);
}

// The gradient of position * frequency is a rotation too where the table has a factor: y = c R x.
TEST(Rope, FactorScalesCosAndSin) {
  const RopeTable plain(RopeFrequencies(4, 100.0), 8), scaled(RopeFrequencies(4, 100.0), 8, 1.25);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(scaled.cos(7)[i], 1.25f * plain.cos(7)[i]);
    EXPECT_FLOAT_EQ(scaled.sin(7)[i], 1.25f * plain.sin(7)[i]);
  }
  EXPECT_EQ(RopeFrequencies(4, 100.0), (std::vector<double>{1.0, 0.1}));
}

TEST(Bias, AddedToRowsAndSummedByUnits) {
  Floats y = {1, 2, 3, 4, 5, 6}, db = {10, 20, 30};
  AddBias(In({0.5f, -1, 2}, 1, 3), Out(y, 2, 3));
  EXPECT_EQ(y, (Floats{1.5f, 1, 5, 4.5f, 4, 8}));
  BiasGradient(In({1, 2, 3, 4, 5, 6}, 2, 3), std::vector<int64_t>{0, 1, 2}, Out(db, 1, 3));
  EXPECT_EQ(db, (Floats{15, 27, 39}));
  // Units added one after the other are one call with all of them, in bits; so is any thread count.
  const int64_t T = 1100, N = 300;
  const Floats dy = RandomFloats(T * N, 5);
  const std::vector<int64_t> units = {0, 600, 601, T};
  ExpectSameEverywhere([&] {
    Floats sum(N, 0.25f);
    BiasGradient(In(dy, T, N), units, Out(sum, 1, N));
    return sum;
  });
  Floats whole(N, 0.25f), parts(N, 0.25f);
  BiasGradient(In(dy, T, N), units, Out(whole, 1, N));
  BiasGradient(In(dy, T, N).Rows(0, 601), std::vector<int64_t>{0, 600, 601}, Out(parts, 1, N));
  BiasGradient(In(dy, T, N).Rows(601, T), std::vector<int64_t>{0, T - 601}, Out(parts, 1, N));
  EXPECT_EQ(whole, parts);
}

TEST(SwiGlu, SameBitsAndGradient) {
  const int64_t T = 5, F = 37;
  const Floats gu = RandomFloats(T * 2 * F, 1, 3), dy = RandomFloats(T * F, 2);
  ExpectSameEverywhere([&] {
    Floats y(T * F), d(T * 2 * F);
    SwiGlu(In(gu, T, 2 * F), Out(y, T, F));
    Floats again = dy;
    SwiGluBackward(In(again, T, F), In(gu, T, 2 * F), Out(d, T, 2 * F), Out(again, T, F));
    EXPECT_EQ(again, y);
    y.insert(y.end(), d.begin(), d.end());
    return y;
  });
  Floats d(T * 2 * F), y(T * F);
  SwiGluBackward(In(dy, T, F), In(gu, T, 2 * F), Out(d, T, 2 * F), Out(y, T, F));
  const auto f = [](double g, double u) { return g / (1 + std::exp(-g)) * u; };
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t i = 0; i < F; ++i) {
      const double g = gu[t * 2 * F + i], u = gu[t * 2 * F + F + i], h = 1e-6, c = dy[t * F + i];
      EXPECT_NEAR(d[t * 2 * F + i], c * (f(g + h, u) - f(g - h, u)) / (2 * h),
                  1e-5 * (1 + std::abs(c * u)));
      EXPECT_NEAR(d[t * 2 * F + F + i], c * f(g, 1), 1e-5 * (1 + std::abs(c * g)));
    }
  }
}

TEST(RowStats, SameBitsEverywhere) {
  for (const int64_t V : {1, 2, 15, 16, 37, 512, 5000}) {
    const Floats z = RandomFloats(V, 9, 4);
    for (const float temperature : {1.0f, 0.7f}) {
      ExpectSameEverywhere([&] {
        const RowStats s = ComputeRowStats(z, temperature);
        Floats d(V);
        RowGradient(z, s, temperature, {.constant = 0.3f, .log_slope = -1.7f}, d);
        Floats all(V);
        RowGradient(z, s, temperature, {0.3f, -1.7f, 0.9f, 2.3f, -0.4f}, all);
        d.insert(d.end(), all.begin(), all.end());
        for (float v : {s.max, s.sum, s.lse, s.entropy, static_cast<float>(s.argmax)})
          d.push_back(v);
        Floats weights(V);
        RowWeights(z, s, temperature, weights);
        d.insert(d.end(), weights.begin(), weights.end());
        return d;
      });
    }
  }
}

TEST(RowStats, HandWorked) {
  // p = (1/2, 1/4, 1/4): entropy = 1.5 ln 2, max_prob = 1/2.
  const Floats z = {std::log(2.0f), 0, 0};
  const RowStats s = ComputeRowStats(z, 1);
  EXPECT_NEAR(s.entropy, 1.5 * std::log(2.0), 1e-6);
  EXPECT_NEAR(s.max_prob(), 0.5, 1e-6);
  EXPECT_NEAR(RowLogProb(s, z[1], 1), std::log(0.25), 1e-6);
  EXPECT_EQ(s.argmax, 0);
  // p_i (constant + slope log p_i)
  Floats d(3);
  RowGradient(z, s, 1, {.constant = 2, .log_slope = 4}, d);
  EXPECT_NEAR(d[0], 0.5 * (2 - 4 * std::log(2.0)), 1e-6);
  EXPECT_NEAR(d[1], 0.25 * (2 - 8 * std::log(2.0)), 1e-6);
  // p_i (1 + 2 p_i + (3 + 4 p_i) log p_i) + 5
  RowGradient(z, s, 1, {1, 3, 2, 4, 5}, d);
  EXPECT_NEAR(d[0], 0.5 * (1 + 1 - 5 * std::log(2.0)) + 5, 1e-6);
  EXPECT_NEAR(d[1], 0.25 * (1 + 0.5 - 4 * 2 * std::log(2.0)) + 5, 1e-6);
}

// Where every element lies and how it is rounded: attention.h, one at a time. Tokens of one page and of
// different ones, numbers of every kind, heads with and without whole pairs of 16.
TEST(WriteKv, PutsEveryElementInItsPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  const Floats special = {0.0f,
                          -0.0f,
                          inf,
                          -inf,
                          std::nanf(""),
                          1e-40f,
                          -3e38f,
                          3.4e38f,
                          std::bit_cast<float>(0x7f800001u),
                          std::bit_cast<float>(0x3f808000u),
                          std::bit_cast<float>(0x3f818000u)};
  const std::vector<KvSlot> slots = {{2, 31}, {0, 0}, {0, 1}, {0, 2}, {1, 17}};
  const int64_t T = static_cast<int64_t>(slots.size()), K = 2, pages = 3;
  for (const int64_t E : {8, 20, 32, 40, 64, 80}) {
    const AttentionShape shape{.num_heads = K, .num_kv_heads = K, .head_dim = E, .scale = 1};
    Floats k = RandomFloats(T * K * E, 1), v = RandomFloats(T * K * E, 2);
    for (size_t i = 0; i < k.size(); i += 3) k[i] = special[i / 3 % special.size()];
    for (size_t i = 1; i < v.size(); i += 5) v[i] = special[i / 5 % special.size()];
    const auto size = static_cast<size_t>(pages * K * kPageTokens * E);
    for (const Isa isa : SupportedIsas()) {
      SetIsa(isa);
      std::vector<uint16_t> keys(size, 7), values(size, 7), want_keys = keys, want_values = values;
      const KvLayer layer{keys.data(), values.data(), ComputeType::kBf16};
      WriteKv(In(k, T, K * E), In(v, T, K * E), slots, shape, layer);
      for (int64_t t = 0; t < T; ++t) {
        for (int64_t h = 0; h < K; ++h) {
          for (int64_t e = 0; e < E; ++e) {
            const int64_t page = slots[t].page, offset = slots[t].offset;
            want_keys[layer.KeyIndex(shape, page, h, offset, e)] =
                ToBf16(k[(t * K + h) * E + e]).bits;
            want_values[layer.ValueIndex(shape, page, h, offset, e)] =
                ToBf16(v[(t * K + h) * E + e]).bits;
          }
        }
      }
      EXPECT_EQ(keys, want_keys) << ToString(isa) << " " << E;
      EXPECT_EQ(values, want_values) << ToString(isa) << " " << E;
      Floats plain_keys(size, 7), plain_values(size, 7);
      const KvLayer plain{plain_keys.data(), plain_values.data(), ComputeType::kFp32};
      WriteKv(In(k, T, K * E), In(v, T, K * E), slots, shape, plain);
      for (int64_t e = 0; e < E; ++e) {
        EXPECT_EQ(std::bit_cast<uint32_t>(plain_keys[plain.KeyIndex(shape, 1, 1, 17, e)]),
                  std::bit_cast<uint32_t>(k[(4 * K + 1) * E + e]));
        EXPECT_EQ(std::bit_cast<uint32_t>(plain_values[plain.ValueIndex(shape, 1, 1, 17, e)]),
                  std::bit_cast<uint32_t>(v[(4 * K + 1) * E + e]));
      }
    }
  }
  SetIsa(SupportedIsas().back());
}

TEST(AdamW, SameBitsEverywhere) {
  const int64_t n = 10007;
  const Floats g = RandomFloats(n, 1), w0 = RandomFloats(n, 2), m0 = RandomFloats(n, 3);
  Floats v0 = RandomFloats(n, 4);
  for (auto& v : v0) v *= v;
  ExpectSameEverywhere([&] {
    Floats w = w0, m = m0, v = v0;
    AdamW({.lr = 1e-3, .weight_decay = 0.1}, 3, 0.5f, g, m, v, w);
    w.insert(w.end(), m.begin(), m.end());
    w.insert(w.end(), v.begin(), v.end());
    return w;
  });
}

TEST(AdamW, APieceAtATimeHasTheSameBits) {
  const size_t n = 1003;
  const Floats g = RandomFloats(n, 1);
  Floats w = RandomFloats(n, 2), m = RandomFloats(n, 3), v(n, 0.5f), w2 = w, m2 = m, v2 = v;
  const AdamWOptions options{.lr = 1e-3, .weight_decay = 0.1};
  AdamW(options, 3, 0.5f, g, m, v, w);
  const AdamWStep step(options, 3, 0.5f);
  const auto part = [](auto& x, size_t from, size_t to) {
    return std::span(x).subspan(from, to - from);
  };
  for (const auto& [from, to] : std::vector<std::pair<size_t, size_t>>{{500, n}, {0, 7}, {7, 500}})
    step(part(g, from, to), part(m2, from, to), part(v2, from, to), part(w2, from, to));
  EXPECT_EQ(w2, w);
  EXPECT_EQ(m2, m);
  EXPECT_EQ(v2, v);
}

TEST(AdamW, HandWorkedFirstStep) {
  // g = 2: m = 0.2, v = 0.004; corrected 2 and 4; update 2 / (2 + 0) = 1, decay 0.1 * 3; w = 3 -
  // 0.01 (1 + 0.3).
  Floats w = {3}, m = {0}, v = {0};
  AdamW({.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 0, .weight_decay = 0.1}, 1, 1, Floats{2},
        m, v, w);
  EXPECT_NEAR(m[0], 0.2, 1e-7);
  EXPECT_NEAR(v[0], 0.004, 1e-8);
  EXPECT_NEAR(w[0], 2.987, 1e-6);
}

TEST(Embedding, ForwardAndBackward) {
  const Floats table = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> tokens = {2, 0, 2};
  Floats y(6), d(6);
  Embedding(In(table, 3, 2), tokens, Out(y, 3, 2));
  EXPECT_EQ(y, (Floats{5, 6, 1, 2, 5, 6}));
  EmbeddingBackward(In({10, 20, 30, 40, 50, 60}, 3, 2), tokens, std::vector<int64_t>{0, 2, 3},
                    Out(d, 3, 2));
  EXPECT_EQ(d, (Floats{30, 40, 0, 0, 60, 80}));
}

TEST(SumOfSquares, ByHand) { EXPECT_EQ(SumOfSquares(In({1, 2, 3}, 1, 3)), 14.0); }

// --- attention
// --------------------------------------------------------------------------------------------

// A tree of segments packed in order, with pages of its own: parent index, tokens.
struct Packed {
  BlockTable table;
  std::vector<KvSlot> slots;
  int64_t T = 0, pages = 0;
};
Packed PackSegments(const std::vector<std::pair<int, int64_t>>& segments) {
  Packed p;
  std::vector<int64_t> start, row, page;
  for (const auto& [parent, n] : segments) {
    start.push_back(parent < 0 ? 0 : start[parent] + segments[parent].second);
    row.push_back(p.T);
    page.push_back(p.pages);
    for (int64_t i = 0; i < n; ++i)
      p.slots.push_back(
          {static_cast<int32_t>(p.pages + i / kPageTokens), static_cast<int32_t>(i % kPageTokens)});
    p.T += n;
    p.pages += (n + kPageTokens - 1) / kPageTokens;
  }
  for (size_t s = 0; s < segments.size(); ++s) {
    std::vector<int> path;
    for (int a = static_cast<int>(s); a >= 0; a = segments[a].first) path.insert(path.begin(), a);
    AttentionRun run{.row = row[s], .num_rows = segments[s].second, .position = start[s]};
    run.block_begin = static_cast<int64_t>(p.table.blocks.size());
    for (int a : path) {
      for (int64_t i = 0; i < segments[a].second; i += kPageTokens) {
        p.table.blocks.push_back(
            {static_cast<int32_t>(page[a] + i / kPageTokens),
             static_cast<int32_t>(std::min(kPageTokens, segments[a].second - i)), start[a] + i,
             row[a] + i});
      }
    }
    run.block_end = static_cast<int64_t>(p.table.blocks.size());
    p.table.runs.push_back(run);
  }
  return p;
}

constexpr AttentionShape kSmall{.num_heads = 4, .num_kv_heads = 2, .head_dim = 20, .scale = 0.22f};

struct Problem {
  AttentionShape shape;
  int64_t QE, KE;  // columns of queries and of keys
  Packed packed;
  Floats q, k, v, g;
  explicit Problem(const std::vector<std::pair<int, int64_t>>& segments, int64_t window = 0,
                   const AttentionShape& of = kSmall)
      : shape(of),
        QE(of.num_heads * of.head_dim),
        KE(of.num_kv_heads * of.head_dim),
        packed(PackSegments(segments)) {
    shape.window = window;
    q = RandomFloats(packed.T * QE, 1);
    k = RandomFloats(packed.T * KE, 2);
    v = RandomFloats(packed.T * KE, 3);
    g = RandomFloats(packed.T * QE, 4);
  }
  // o, m, l, dq, dk, dv
  std::vector<Floats> Run(ComputeType type) const {
    const int64_t T = packed.T, H = shape.num_heads, size = packed.pages * KE * kPageTokens;
    std::vector<float> kp(size), vp(size);  // big enough for either type
    const KvLayer layer{kp.data(), vp.data(), type};
    WriteKv(In(k, T, KE), In(v, T, KE), packed.slots, shape, layer);
    Floats o(T * QE), m(T * H), l(T * H), dq(T * QE), dk(T * KE), dv(T * KE);
    Attention(In(q, T, QE), packed.table.blocks, packed.table.runs, layer, shape, Out(o, T, QE),
              Out(m, T, H), Out(l, T, H));
    AttentionBackward(In(g, T, QE), In(q, T, QE), In(o, T, QE), In(m, T, H), In(l, T, H),
                      packed.table, std::vector<int64_t>{0, T}, layer, shape, Out(dq, T, QE),
                      Out(dk, T, KE), Out(dv, T, KE));
    return {o, m, l, dq, dk, dv};
  }
};

// Segments' borders, pages and windows fall together in no way.
constexpr int64_t kWindows[] = {0, 1, 7, 45};
const std::vector<std::pair<int, int64_t>> kTree = {{-1, 37}, {0, 50}, {0, 1}, {0, 33}, {1, 20}};

TEST(Attention, SameBitsEverywhere) {
  for (const int64_t window : kWindows) {
    for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
      const Problem problem(kTree, window);
      ExpectSameEverywhere([&] {
        Floats all;
        for (const Floats& f : problem.Run(type)) all.insert(all.end(), f.begin(), f.end());
        return all;
      });
    }
  }
}

// Heads as models have them: whole groups of 32 and 64 columns, a rest of 16, every number of queries
// that share a key, more of them than one tile of the forward pass has.
TEST(Attention, SameBitsForTheHeadsOfModels) {
  constexpr AttentionShape kShapes[] = {
      {.num_heads = 4, .num_kv_heads = 2, .head_dim = 64, .scale = 0.125f},
      {.num_heads = 14, .num_kv_heads = 2, .head_dim = 64, .scale = 0.125f},
      {.num_heads = 3, .num_kv_heads = 3, .head_dim = 80, .scale = 0.11f},
      {.num_heads = 3, .num_kv_heads = 1, .head_dim = 96, .scale = 0.1f},
      {.num_heads = 5, .num_kv_heads = 1, .head_dim = 32, .scale = 0.17f},
      {.num_heads = 6, .num_kv_heads = 2, .head_dim = 32, .scale = 0.17f},
      {.num_heads = 2, .num_kv_heads = 2, .head_dim = 32, .scale = 0.17f},
      {.num_heads = 8, .num_kv_heads = 1, .head_dim = 128, .scale = 0.08f},
      {.num_heads = 16, .num_kv_heads = 1, .head_dim = 48, .scale = 0.14f}};
  for (const AttentionShape& shape : kShapes) {
    SCOPED_TRACE(testing::Message() << shape.num_heads << " heads of " << shape.head_dim);
    for (const int64_t window : {0, 45}) {
      for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
        // A long prompt, and a token that is decoded after two segments.
        const Problem problem({{-1, 70}, {0, 41}, {0, 1}, {1, 1}, {0, 9}}, window, shape);
        ExpectSameEverywhere([&] {
          Floats all;
          for (const Floats& f : problem.Run(type)) all.insert(all.end(), f.begin(), f.end());
          return all;
        });
      }
    }
  }
}

// The backward pass takes keys in ranges of 512 rows: blocks, segments and tiles cross their borders.
TEST(Attention, SameBitsForALongUnit) {
  constexpr AttentionShape kThin{.num_heads = 2, .num_kv_heads = 1, .head_dim = 16, .scale = 0.25f};
  for (const int64_t window : {0, 600}) {
    for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
      const Problem problem({{-1, 500}, {0, 555}, {0, 3}, {1, 20}, {0, 44}, {3, 5}}, window, kThin);
      ExpectSameEverywhere([&] {
        Floats all;
        for (const Floats& f : problem.Run(type)) all.insert(all.end(), f.begin(), f.end());
        return all;
      });
    }
  }
}

// With a window of 1 a query sees itself alone: o is its own v, whatever q is.
TEST(Attention, WindowOfOneIsTheOwnValue) {
  const Problem p(kTree, 1);
  const Floats o = p.Run(ComputeType::kFp32)[0];
  for (int64_t t = 0; t < p.packed.T; ++t) {
    for (int64_t i = 0; i < 80; ++i)
      ASSERT_EQ(o[t * 80 + i], p.v[t * 40 + i / 40 * 20 + i % 20]) << t << " " << i;
  }
}

class AttentionWindow : public testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Windows, AttentionWindow, testing::ValuesIn(kWindows));

TEST_P(AttentionWindow, TreeEqualsEachPathAlone) {
  for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
    const Problem tree(kTree, GetParam());
    const Floats whole = tree.Run(type)[0];
    // The path 0 -> 1 -> 4 as one chain of one segment: rows 0..36, 37..86, 121..140 of the tree.
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < 87; ++i) rows.push_back(i);
    for (int64_t i = 121; i < 141; ++i) rows.push_back(i);
    Problem chain({{-1, static_cast<int64_t>(rows.size())}}, GetParam());
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(&tree.q[rows[i] * 80], 80, &chain.q[i * 80]);
      std::copy_n(&tree.k[rows[i] * 40], 40, &chain.k[i * 40]);
      std::copy_n(&tree.v[rows[i] * 40], 40, &chain.v[i * 40]);
    }
    const Floats alone = chain.Run(type)[0];
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(std::memcmp(&whole[rows[i] * 80], &alone[i * 80], 80 * 4), 0) << i;
    }
  }
}

// The whole in double precision, by definition.
double AttentionLoss(const Problem& p, const std::vector<double>& q, const std::vector<double>& k,
                     const std::vector<double>& v) {
  double loss = 0;
  for (const AttentionRun& run : p.packed.table.runs) {
    for (int64_t r = 0; r < run.num_rows; ++r) {
      std::vector<int64_t> rows;
      for (int64_t b = run.block_begin; b < run.block_end; ++b) {
        const KvBlock& block = p.packed.table.blocks[b];
        for (int64_t j = 0; j < block.count && block.position + j <= run.position + r; ++j) {
          const int64_t back = run.position + r - block.position - j;
          if (p.shape.window == 0 || back < p.shape.window) rows.push_back(block.row + j);
        }
      }
      for (int64_t h = 0; h < 4; ++h) {
        std::vector<double> w;
        double sum = 0;
        for (int64_t row : rows) {
          double s = 0;
          for (int64_t e = 0; e < 20; ++e)
            s += q[(run.row + r) * 80 + h * 20 + e] * k[row * 40 + h / 2 * 20 + e];
          w.push_back(std::exp(s * p.shape.scale));
          sum += w.back();
        }
        for (int64_t e = 0; e < 20; ++e) {
          double o = 0;
          for (size_t j = 0; j < rows.size(); ++j)
            o += w[j] / sum * v[rows[j] * 40 + h / 2 * 20 + e];
          loss += o * p.g[(run.row + r) * 80 + h * 20 + e];
        }
      }
    }
  }
  return loss;
}

class AttentionGradient : public testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Windows, AttentionGradient, testing::Values(0, 1, 3));

TEST_P(AttentionGradient, MatchesFiniteDifferences) {
  const Problem p({{-1, 3}, {0, 2}, {0, 3}, {2, 1}}, GetParam());
  const auto got = p.Run(ComputeType::kFp32);
  std::vector<double> q(p.q.begin(), p.q.end()), k(p.k.begin(), p.k.end()),
      v(p.v.begin(), p.v.end());
  double forward = 0;
  for (size_t i = 0; i < got[0].size(); ++i) forward += double{got[0][i]} * p.g[i];
  EXPECT_NEAR(forward, AttentionLoss(p, q, k, v), 1e-4);
  for (auto [x, gradient] : {std::pair{&q, &got[3]}, {&k, &got[4]}, {&v, &got[5]}}) {
    for (size_t i = 0; i < x->size(); i += 7) {
      const double keep = (*x)[i], h = 1e-5;
      (*x)[i] = keep + h;
      const double up = AttentionLoss(p, q, k, v);
      (*x)[i] = keep - h;
      const double down = AttentionLoss(p, q, k, v);
      (*x)[i] = keep;
      EXPECT_NEAR((*gradient)[i], (up - down) / (2 * h), 2e-5) << i;
    }
  }
}

}  // namespace
}  // namespace rlvr
