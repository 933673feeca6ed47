#include "verify/information_gain.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace rlvr {
namespace {

TEST(InformationGain, UniformOverFourEightTwo) {  // 2 + 3 + 1 bits
  const int sizes[] = {4, 8, 2};
  const Belief start = UniformBelief(sizes);
  EXPECT_NEAR(EntropyBits(start), 6, 1e-12);
  Belief belief = start;
  ASSERT_TRUE(Constrain(1, {0, 0, 1, 0, 0, 1, 0, 0}, &belief));  // 8 -> 2 values
  EXPECT_NEAR(InformationGain(start, belief), 2, 1e-12);
  const Belief two = belief;
  ASSERT_TRUE(Constrain(0, {0, 1, 0, 0}, &belief));  // resolved: log2 4
  EXPECT_NEAR(InformationGain(two, belief), 2, 1e-12);
  // Telescopes.
  EXPECT_NEAR(InformationGain(start, belief), 4, 1e-12);
  EXPECT_NEAR(EntropyBits(belief, 1), 1, 1e-12);
}

TEST(InformationGain, EmpiricalPrior) {  // counts 6 1 1: .75 .125 .125
  const Belief start = BeliefFrom({{6, 1, 1}});
  EXPECT_NEAR(EntropyBits(start), 0.75 * std::log2(4.0 / 3) + 0.25 * 3, 1e-12);  // 1.061278
  Belief belief = start;
  ASSERT_TRUE(Constrain(0, {0, 1, 1}, &belief));
  EXPECT_NEAR(belief.p[0][1], 0.5, 1e-12);
  EXPECT_NEAR(InformationGain(start, belief), 0.0612781, 1e-6);
  // What was nearly certain is ruled out: entropy rises. Counts 98 1 1: H = .161441, then 1.
  const Belief sure = BeliefFrom({{98, 1, 1}});
  belief = sure;
  ASSERT_TRUE(Constrain(0, {0, 1, 1}, &belief));
  EXPECT_NEAR(InformationGain(sure, belief), 0.1614405 - 1, 1e-6);
}

TEST(InformationGain, WhatIsImpossibleChangesNothing) {
  Belief belief = BeliefFrom({{1, 1, 0}});
  EXPECT_FALSE(Constrain(0, {0, 0, 1}, &belief));
  EXPECT_NEAR(EntropyBits(belief), 1, 1e-12);
  EXPECT_THROW(BeliefFrom({{1}, {0, 0}}), Error);
  EXPECT_THROW(BeliefFrom({{1, -1, 3}}), Error);
}

}  // namespace
}  // namespace rlvr
