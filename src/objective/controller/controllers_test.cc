#include "objective/controller/controller.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rlvr {
namespace {

using Values = std::vector<double>;

// The values that apply in steps 1, 2, ...: the metric has metrics[i] in step i + 1.
Values Run(const std::string& yaml, const std::string& metric, const Values& metrics) {
  const ConfigNode node = ParseConfig(yaml, "test");
  const auto controller = ControllerList().Make(&node, "");
  Values values = {controller->Initial()}, memory;
  for (const double m : metrics) {
    const std::map<std::string, double> step = {{metric, m}};
    values.push_back(controller->Next(values.back(), StepMetrics(step), &memory));
  }
  return values;
}

void ExpectValues(const Values& got, const Values& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-7) << i;
}

TEST(FirstValue, KeepsTheFirstStep) {
  ExpectValues(
      Run("{name: first_value, metric: actor/peak_entropy}", "actor/peak_entropy", {0.7, 0.3, 0.9}),
      {-1, 0.7, 0.7, 0.7});
}

TEST(RunningMean, OfTheStepsBefore) {
  ExpectValues(Run("{name: running_mean}", "actor/entropy", {0.6, 0.2, 1.0}), {0, 0.6, 0.4, 0.6});
}

// beta(0) = 1, beta(75) = .827067, beta(76) = .8 exp(-3 / 75) = .768632, beta(150) = .0398297 and
// no further.
TEST(EpoPhase, HandWorked) {
  const Values v = Run("{name: epo_phase, steps: 150}", "actor/entropy", Values(160, 0.0));
  EXPECT_EQ(v[0], 1);
  EXPECT_NEAR(v[75], 0.827067, 1e-6);
  EXPECT_NEAR(v[76], 0.768632, 1e-6);
  EXPECT_NEAR(v[150], 0.0398297, 1e-6);
  EXPECT_EQ(v[160], v[150]);
}

// lr 1: the first entropy .5 is the anchor; .3 below raises alpha by .2, .9 lowers it to 0.
TEST(AnchoredEntropy, HandWorked) {
  ExpectValues(
      Run("{name: anchored_entropy, init: 0.1, lr: 1}", "actor/entropy", {0.5, 0.3, 0.9, 0.4}),
      {0.1, 0.1, 0.3, 0, 0.1});
}

}  // namespace
}  // namespace rlvr
