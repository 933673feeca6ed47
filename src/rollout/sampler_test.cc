#include "rollout/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace rlvr {
namespace {

std::vector<float> LogsOf(const std::vector<double>& p) {
  std::vector<float> z;
  for (const double x : p) z.push_back(static_cast<float>(std::log(x)));
  return z;
}

Draw Sample(const std::vector<float>& logits, const SamplingOptions& options, double uniform) {
  std::vector<float> scratch;
  return SampleToken(logits, options, uniform, &scratch);
}

// The filters as their papers state them, in double, without a thought for speed.
std::vector<double> Distribution(const std::vector<float>& logits, const SamplingOptions& o) {
  const size_t V = logits.size();
  std::vector<size_t> order(V);  // likeliest first, ties to the lowest id
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  std::vector<double> p(V, 0);
  if (o.temperature == 0) {
    p[order[0]] = 1;
    return p;
  }
  for (size_t i = 0; i < V; ++i)
    p[i] = std::exp((static_cast<double>(logits[i]) - logits[order[0]]) / o.temperature);
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
  };
  normalise();
  if (o.top_k > 0) {
    for (size_t i = static_cast<size_t>(o.top_k); i < V; ++i) p[order[i]] = 0;
    normalise();
  }
  if (o.top_p < 1) {
    double before = 0;
    for (const size_t i : order) {
      const double own = p[i];
      if (before >= o.top_p) p[i] = 0;
      before += own;
    }
    normalise();
  }
  if (o.min_p > 0) {
    const double floor = o.min_p * *std::max_element(p.begin(), p.end());
    for (double& x : p) x = x < floor ? 0 : x;
    normalise();
  }
  return p;
}

// Draws on a fine grid of uniforms give each token its share of the grid, in id order.
void ExpectDraws(const std::vector<float>& logits, const SamplingOptions& o,
                 const std::vector<double>& want) {
  std::vector<double> share(logits.size(), 0);
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const Draw d = Sample(logits, o, (i + 0.5) / kDraws);
    const auto token = static_cast<size_t>(d.token);
    share[token] += 1.0 / kDraws;
    ASSERT_GT(want[token], 0) << "token " << token << " was filtered out";
    EXPECT_NEAR(d.sampler_logp, std::log(want[token]), 1e-5);
  }
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(share[i], want[i], 0.0011) << "token " << i;
}

TEST(Sampler, HandWorkedRows) {
  const auto z = LogsOf({0.1, 0.4, 0.2, 0.3});
  ExpectDraws(z, {}, {0.1, 0.4, 0.2, 0.3});
  ExpectDraws(z, {.top_k = 1}, {0, 1, 0, 0});
  ExpectDraws(z, {.top_k = 2}, {0, 4.0 / 7, 0, 3.0 / 7});
  ExpectDraws(z, {.top_k = 9}, {0.1, 0.4, 0.2, 0.3});
  ExpectDraws(z, {.top_p = 0.6f}, {0, 4.0 / 7, 0, 3.0 / 7});  // 0.4 < 0.6 <= 0.7
  ExpectDraws(z, {.top_p = 1e-6f}, {0, 1, 0, 0});
  ExpectDraws(z, {.min_p = 0.45f}, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});  // floor 0.18
  ExpectDraws(z, {.min_p = 1}, {0, 1, 0, 0});
  // p^2, renormalised: 0.01 + 0.16 + 0.04 + 0.09 = 0.3.
  ExpectDraws(z, {.temperature = 0.5f}, {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  // top_p sees what top_k left: 4/9, 3/9, 2/9; 7/9 reaches 0.75, while 0.7 of the whole would not.
  ExpectDraws(z, {.top_k = 3, .top_p = 0.75f}, {0, 4.0 / 7, 0, 3.0 / 7});
  // Ties go to the lowest ids.
  ExpectDraws({1, 2, 2, 2, 0}, {.top_k = 2}, {0, 0.5, 0.5, 0, 0});
  ExpectDraws({1, 1, 1, 1}, {.top_p = 0.5f}, {0.5, 0.5, 0, 0});
  ExpectDraws({1, 2, 2, 0}, {.temperature = 0}, {0, 1, 0, 0});
}

TEST(Sampler, WalksTheCumulativeSumInIdOrder) {
  const auto z = LogsOf({0.25, 0.5, 0.25});
  EXPECT_EQ(Sample(z, {}, 0).token, 0);
  EXPECT_EQ(Sample(z, {}, 0.2499).token, 0);
  EXPECT_EQ(Sample(z, {}, 0.2501).token, 1);
  EXPECT_EQ(Sample(z, {}, 0.7499).token, 1);
  EXPECT_EQ(Sample(z, {}, 0.7501).token, 2);
  EXPECT_EQ(Sample(z, {}, std::nextafter(1.0, 0.0)).token, 2);
}

// Rounding at the top of the uniform range must never pick a token without probability.
// By powers of two, so that every sum is exact: token i of 3,000 has 1, 2 or 4 parts; the last 1,000
// have none.
TEST(Sampler, WalksALargeVocabularyInBlocks) {
  const size_t V = 3000;
  std::vector<double> parts;
  std::vector<float> logits;
  for (size_t i = 0; i < V; ++i) {
    parts.push_back(i < 2000 ? std::exp2(static_cast<double>(i * 7 % 3)) : 0);
    logits.push_back(i < 2000 ? static_cast<float>(std::log(parts[i])) : -300.0f);
  }
  const double total = std::accumulate(parts.begin(), parts.end(), 0.0);
  double below = 0;
  for (size_t i = 0; i < 2000; ++i) {
    const double middle = (below + parts[i] / 2) / total;
    ASSERT_EQ(Sample(logits, {}, middle).token, static_cast<int32_t>(i));
    below += parts[i];
  }
  EXPECT_EQ(Sample(logits, {}, std::nextafter(1.0, 0.0)).token, 1999);
  EXPECT_EQ(Sample(logits, {}, 0).token, 0);
}

TEST(Sampler, NeverDrawsATokenWithoutWeight) {
  EXPECT_EQ(Sample({0, 0, -200, -200}, {}, std::nextafter(1.0, 0.0)).token, 1);
  EXPECT_EQ(Sample({-200, 0, 0}, {}, 0).token, 1);
}

TEST(Sampler, AgreesWithAPlainReferenceOnRandomRows) {
  const std::vector<SamplingOptions> cases = {{.temperature = 0.7f},
                                              {.top_k = 5},
                                              {.top_p = 0.8f},
                                              {.min_p = 0.1f},
                                              {.temperature = 1.5f, .top_k = 30, .top_p = 0.9f},
                                              {.top_k = 12, .top_p = 0.95f, .min_p = 0.05f},
                                              {.temperature = 4, .top_p = 0.97f, .min_p = 0.02f},
                                              {.temperature = 0}};
  for (size_t row = 0; row < 6; ++row) {
    Random random(RandomKey(29)[row]);
    std::vector<float> z(row < 4 ? 61 : 1500);
    for (float& x : z) x = static_cast<float>(2 * random.Normal());
    for (size_t c = 0; c < cases.size(); ++c) {
      SCOPED_TRACE("row " + std::to_string(row) + ", case " + std::to_string(c));
      ExpectDraws(z, cases[c], Distribution(z, cases[c]));
    }
  }
}

// Two logits so close that their exponentials are the same float: filters must go by the logits.
TEST(Sampler, TopOneIsGreedyWhereExponentialsTie) {
  const std::vector<float> z = {std::nextafter(1e-3f, 0.0f), 1e-3f, 0};
  EXPECT_EQ(Sample(z, {.temperature = 0}, 0.3).token, 1);
  EXPECT_EQ(Sample(z, {.top_k = 1}, 0.3).token, 1);
  EXPECT_EQ(Sample(z, {.top_p = 1e-6f}, 0.3).token, 1);
}

TEST(Sampler, RecordsTheBitsThatTrainingComputes) {
  const auto z = LogsOf({0.1, 0.4, 0.2, 0.3});
  for (const SamplingOptions o :
       {SamplingOptions{}, SamplingOptions{.temperature = 0.6f, .top_k = 2},
        SamplingOptions{.top_p = 0.5f}, SamplingOptions{.temperature = 0}}) {
    const float temperature = o.temperature == 0 ? 1.0f : o.temperature;
    const RowStats stats = ComputeRowStats(z, temperature);
    const Draw d = Sample(z, o, 0.7);
    EXPECT_EQ(d.logp, RowLogProb(stats, z[static_cast<size_t>(d.token)], temperature));
    EXPECT_EQ(d.entropy, stats.entropy);
  }
  const Draw plain = Sample(z, {}, 0.05);
  EXPECT_EQ(plain.sampler_logp, plain.logp);
  EXPECT_EQ(Sample(z, {.temperature = 0}, 0.5).sampler_logp, 0);
  const Draw cut = Sample(z, {.top_k = 2}, 0.9);
  EXPECT_EQ(cut.token, 3);
  EXPECT_NEAR(cut.logp, std::log(0.3), 1e-6);
  EXPECT_NEAR(cut.sampler_logp, std::log(3.0 / 7), 1e-6);
}

// Chi-square of 40000 draws with the keys that rollouts use, 9 degrees of freedom. The 99.9 %
// quantile is 27.9; the seed is fixed, so this passes always or never.
TEST(Sampler, FrequenciesFollowTheProbabilities) {
  const std::vector<double> p = {0.02, 0.18, 0.05, 0.15, 0.1, 0.1, 0.2, 0.12, 0.05, 0.03};
  const auto z = LogsOf(p);
  std::vector<double> count(p.size(), 0);
  constexpr int kDraws = 40000;
  for (uint64_t i = 0; i < kDraws; ++i)
    ++count[static_cast<size_t>(Sample(z, {}, RandomKey(7)[i / 100].Uniform(i % 100)).token)];
  double chi_square = 0;
  for (size_t i = 0; i < p.size(); ++i)
    chi_square += (count[i] - kDraws * p[i]) * (count[i] - kDraws * p[i]) / (kDraws * p[i]);
  EXPECT_LT(chi_square, 27.9);
  EXPECT_GT(chi_square, 1.15);  // the 0.1 % quantile: too even is not random either
}

TEST(Sampler, NanAndInfinityAreErrors) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity}) {
    std::vector<float> z(40, 0.5f);
    z[17] = bad;
    EXPECT_THROW(Sample(z, {}, 0.5), Error);
    EXPECT_THROW(Sample(z, {.top_k = 3}, 0.5), Error);
    EXPECT_THROW(Sample(z, {.temperature = 0}, 0.5), Error);
  }
}

// HAPO's temperature: entropy e^-0.25 with center -1, scale 0.5: h = (-0.25 + 1) / 0.5 = 1.5.
TEST(EntropyTemperature, HandWorked) {
  EntropyTemperature t{.tau = 0.05, .center = -1, .scale = 0.5, .up = 0.5, .down = 0.25};
  EXPECT_NEAR(t.Factor(std::exp(-0.25)), 1 + 0.05 * 0.75, 1e-7);
  EXPECT_NEAR(t.Factor(std::exp(1.0)), 1.05, 1e-12);             // 4 * 0.5, clipped
  EXPECT_NEAR(t.Factor(std::exp(-1.5)), 1 - 0.05 * 0.25, 1e-7);  // h = -1
  EXPECT_NEAR(t.Factor(0), 0.95, 1e-12);                         // ln 1e-6: far below
  t.down = -0.25;                                                // the released sign
  EXPECT_NEAR(t.Factor(std::exp(-1.5)), 1 + 0.05 * 0.25, 1e-7);
}

// The token comes from softmax(z / T_t); logp and entropy are of softmax(z / T), which training has.
TEST(EntropyTemperature, DrawsAtItsOwnTemperatureAndScoresAtTheBase) {
  const std::vector<float> logits = {1, 2.5f, -0.5f, 0, 1.75f};
  SamplingOptions base{.temperature = 0.8f}, hook = base;
  hook.token_temperature = {.tau = 0.5, .center = -20};  // up: far above, so T_t = 1.5 T
  const SamplingOptions hot{.temperature = 0.8f * 1.5f};
  EXPECT_TRUE(hook.departs() && !hook.truncates() && !base.departs());
  std::vector<float> scratch;
  int different = 0;
  for (int i = 0; i < 50; ++i) {
    const double u = (i + 0.5) / 50;
    const Draw a = SampleToken(logits, hook, u, &scratch),
               b = SampleToken(logits, hot, u, &scratch),
               c = SampleToken(logits, base, u, &scratch);
    EXPECT_EQ(a.token, b.token);
    EXPECT_EQ(a.sampler_logp, b.logp);
    EXPECT_EQ(a.entropy, c.entropy);
    EXPECT_EQ(a.logp, RowLogProb(ComputeRowStats(logits, 0.8f),
                                 logits[static_cast<size_t>(a.token)], 0.8f));
    different += a.token != c.token;
  }
  EXPECT_GT(different, 0);
}

}  // namespace
}  // namespace rlvr
