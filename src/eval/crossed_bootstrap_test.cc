#include "eval/crossed_bootstrap.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

const RandomKey kKey(7);

void ExpectSame(const Interval& a, const Interval& b) {
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(CrossedBootstrap, HandWorkedOverSeeds) {
  // One prompt, four seeds, one of them with 4: a resample's mean is the number n of times that it
  // is drawn, binomial(4, 1/4). P(n = 0) = 0.32, P(n >= 3) = 13/256 = 0.051 and P(n = 4) = 0.004,
  // so the 2.5 and 97.5 % points are 0 and 3.
  const Interval i = CrossedBootstrap({{0}, {0}, {0}, {4}}, kKey);
  EXPECT_EQ(i.mean, 1);
  EXPECT_EQ(i.low, 0);
  EXPECT_EQ(i.high, 3);
}

TEST(CrossedBootstrap, HandWorkedOverPrompts) {
  // The same numbers as four prompts of one seed.
  const Interval i = CrossedBootstrap({{0, 4, 0, 0}}, kKey);
  EXPECT_EQ(i.mean, 1);
  EXPECT_EQ(i.low, 0);
  EXPECT_EQ(i.high, 3);
}

TEST(CrossedBootstrap, WholeSeedsAreDrawn) {
  // Two seeds that agree on no prompt but are each constant: a mean is 0, 0.5 or 1 with 1/4, 1/2,
  // 1/4, however many prompts there are. Cells drawn one by one would give about 0.5 +- 0.07.
  const SeedsByPrompts values = {std::vector<double>(100, 0.0), std::vector<double>(100, 1.0)};
  const Interval i = CrossedBootstrap(values, kKey);
  EXPECT_EQ(i.mean, 0.5);
  EXPECT_EQ(i.low, 0);
  EXPECT_EQ(i.high, 1);
}

TEST(CrossedBootstrap, OneSeedIsBootstrapMean) {
  // Multiples of 1/8: sums are exact in any order.
  const std::vector<double> prompts = {0.25, 0.875, 0, 1, 0.5, 0.5, 0.125, 0.75};
  ExpectSame(CrossedBootstrap({prompts}, kKey), BootstrapMean(prompts, kKey));
}

TEST(PairedBootstrap, WhatPairsShareIsGone) {
  // a is everywhere 0.25 above b, while both vary with seed and prompt: no doubt is left.
  const SeedsByPrompts b = {{0.0, 0.75, 0.5}, {0.25, 0.5, 0.0}};
  const SeedsByPrompts a = {{0.25, 1.0, 0.75}, {0.5, 0.75, 0.25}};
  ExpectSame(PairedBootstrap(a, b, kKey), {0.25, 0.25, 0.25});
  EXPECT_LT(CrossedBootstrap(b, kKey).low, CrossedBootstrap(b, kKey).high);
  ExpectSame(PairedBootstrap(a, a, kKey), {0, 0, 0});
}

// Reference, numpy 2.4.6 with its own generator and 400 000 resamples:
//   rng = numpy.random.default_rng(0)
//   def crossed(v, n=400_000):
//       s = rng.integers(0, v.shape[0], (n, v.shape[0]))
//       p = rng.integers(0, v.shape[1], (n, v.shape[1]))
//       m = numpy.array([v[numpy.ix_(s[i], p[i])].mean() for i in range(n)])
//       return v.mean(), *numpy.quantile(m, [0.025, 0.975])
//   crossed(a)      0.541667 0.270833 0.802083
//   crossed(b)      0.395833 0.208333 0.604167
//   crossed(a - b)  0.145833 -0.052083 0.333333
// Cells drawn one by one would have a - b from 0.052 to 0.240: a difference that is not there.
TEST(PairedBootstrap, AgreesWithNumpy) {
  const SeedsByPrompts a = {{0.75, 0.50, 1.00, 0.25, 0.50, 0.00},
                            {0.50, 0.25, 1.00, 0.00, 0.25, 0.00},
                            {1.00, 0.75, 1.00, 0.75, 0.50, 0.25},
                            {0.75, 0.75, 1.00, 0.25, 0.75, 0.25}};
  const SeedsByPrompts b = {{0.50, 0.50, 0.75, 0.25, 0.25, 0.00},
                            {0.75, 0.25, 1.00, 0.25, 0.25, 0.25},
                            {0.50, 0.50, 0.75, 0.50, 0.00, 0.25},
                            {0.50, 0.25, 0.75, 0.25, 0.25, 0.00}};
  const auto near = [](const Interval& i, double mean, double low, double high) {
    EXPECT_NEAR(i.mean, mean, 1e-6);
    EXPECT_NEAR(i.low, low, 0.03);  // three standard errors of a 2.5 % point of 1000 resamples
    EXPECT_NEAR(i.high, high, 0.03);
  };
  near(CrossedBootstrap(a, kKey), 0.541667, 0.270833, 0.802083);
  near(CrossedBootstrap(b, kKey), 0.395833, 0.208333, 0.604167);
  near(PairedBootstrap(a, b, kKey), 0.145833, -0.052083, 0.333333);
}

TEST(PairedBootstrap, SameInputsSameIntervals) {
  const SeedsByPrompts a = {{1, 0, 1, 1}, {0, 0, 1, 0}}, b = {{0, 0, 1, 0}, {0, 1, 0, 1}};
  ExpectSame(PairedBootstrap(a, b, kKey), PairedBootstrap(a, b, kKey));
  const Interval there = PairedBootstrap(a, b, kKey), back = PairedBootstrap(b, a, kKey);
  EXPECT_EQ(there.mean, -back.mean);
}

}  // namespace
}  // namespace rlvr
