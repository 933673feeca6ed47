#include "bench/sampling_time.h"

#include <gtest/gtest.h>

#include "bench/plan.h"

namespace rlvr {
namespace {

TEST(SamplingTime, StepsBetweenMeasuredPoints) {
  SamplingRates rates;
  rates.step = {{1, 0.010}, {4, 0.016}, {8, 0.020}};
  EXPECT_DOUBLE_EQ(rates.StepSeconds(1, 0), 0.010);
  EXPECT_DOUBLE_EQ(rates.StepSeconds(2, 0), 0.012);  // a third of the way from 1 to 4
  EXPECT_DOUBLE_EQ(rates.StepSeconds(6, 0), 0.018);
  EXPECT_DOUBLE_EQ(rates.StepSeconds(16, 0), 0.028);  // on as between 4 and 8
  rates.key = 0.0001;
  rates.context = 20;
  EXPECT_DOUBLE_EQ(rates.StepSeconds(4, 30), 0.016 + 0.0001 * 4 * 10);
  rates.scale = 2;
  EXPECT_DOUBLE_EQ(rates.StepSeconds(4, 20), 0.032);
}

// Two places, lengths 3, 1, 2 and 2 in groups of two on prompts of 10:
//   step 1: a, b    b ends     step 2, 3: a, c    both end    step 4, 5: d
TEST(SamplingTime, PlaysTheScheduler) {
  SamplingRates rates;
  rates.prompt_token = 0.5;
  rates.step = {{1, 1}, {2, 1.5}};
  const SamplingPlan plan = PlanSampling(rates, {3, 1, 2, 2}, 2, 10, 2);
  EXPECT_DOUBLE_EQ(plan.prefill_seconds, 2 * 10 * 0.5);
  EXPECT_DOUBLE_EQ(plan.decode_seconds, 3 * 1.5 + 2 * 1);
  EXPECT_EQ(plan.steps, 5);
  EXPECT_EQ(plan.tokens, 8);
  EXPECT_EQ(plan.most_sequences, 2);
  // After step 3: a has 3 tokens, c 2, and both prompts are there.
  EXPECT_EQ(plan.most_cached, 3 + 2 + 2 * 10);
}

TEST(SamplingTime, AllAtOnce) {
  SamplingRates rates;
  rates.step = {{4, 2}};
  const SamplingPlan plan = PlanSampling(rates, {5, 5, 5, 5}, 4, 3, 100);
  EXPECT_EQ(plan.steps, 5);
  EXPECT_DOUBLE_EQ(plan.decode_seconds, 10);
  EXPECT_EQ(plan.most_cached, 3 + 20);
}

TEST(SamplingTime, MeanLengthOfResponsesThatWereCutOff) {
  EXPECT_DOUBLE_EQ(MeanLength({2, 4, 6}, 0, 10, 10), 4);
  // One of two ended in 20 tokens: a rate of 1 / 20. The other has 2 more at most:
  // 1 + (1 - 1 / 20) = 1.95 are expected.
  EXPECT_NEAR(MeanLength({10}, 1, 10, 12), (10 + 10 + 1.95) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(MeanLength({}, 2, 8, 30), 30);  // nothing ever ended
}

TEST(Plan, GroupsUntilTheSelectionIsFull) {
  EXPECT_DOUBLE_EQ(ExpectedGroups(1, 8, 80), 8);
  EXPECT_DOUBLE_EQ(ExpectedGroups(1, 8, 6), 6);
  EXPECT_DOUBLE_EQ(ExpectedGroups(0, 8, 80), 80);
  const double half = ExpectedGroups(0.5, 10, 1000);  // 10 successes: 20 groups in the mean
  EXPECT_NEAR(half, 20, 1);
}

}  // namespace
}  // namespace rlvr
