#include "objective/controller/controller.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rlvr {
namespace {

using Values = std::vector<double>;

// The values that apply in steps 1, 2, ...: the metric has metrics[i] in step i + 1.
Values ValuesOf(const std::string& yaml, const std::string& metric, const Values& metrics) {
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
  ExpectValues(ValuesOf("{name: first_value, metric: actor/peak_entropy}", "actor/peak_entropy",
                        {0.7, 0.3, 0.9}),
               {-1, 0.7, 0.7, 0.7});
}

TEST(RunningMean, OfTheStepsBefore) {
  ExpectValues(ValuesOf("{name: running_mean}", "actor/entropy", {0.6, 0.2, 1.0}),
               {0, 0.6, 0.4, 0.6});
}

// beta(0) = 1, beta(75) = .827067, beta(76) = .8 exp(-3 / 75) = .768632, beta(150) = .0398297 and
// no further.
TEST(EpoPhase, HandWorked) {
  const Values v = ValuesOf("{name: epo_phase, steps: 150}", "actor/entropy", Values(160, 0.0));
  EXPECT_EQ(v[0], 1);
  EXPECT_NEAR(v[75], 0.827067, 1e-6);
  EXPECT_NEAR(v[76], 0.768632, 1e-6);
  EXPECT_NEAR(v[150], 0.0398297, 1e-6);
  EXPECT_EQ(v[160], v[150]);
}

// lr 1: the first entropy .5 is the anchor; .3 below raises alpha by .2, .9 lowers it to 0.
TEST(AnchoredEntropy, HandWorked) {
  ExpectValues(
      ValuesOf("{name: anchored_entropy, init: 0.1, lr: 1}", "actor/entropy", {0.5, 0.3, 0.9, 0.4}),
      {0.1, 0.1, 0.3, 0, 0.1});
}

struct SafeStep {
  double kl, entropy, reward;
};
Values SafeValues(const std::vector<SafeStep>& steps) {
  const ConfigNode node = ParseConfig("name: safe_kl", "test");
  const auto controller = ControllerList().Make(&node, "");
  Values values, memory;
  for (const SafeStep& s : steps) {
    const std::map<std::string, double> metrics = {
        {"actor/kl_loss", s.kl}, {"actor/entropy", s.entropy}, {"critic/rewards/mean", s.reward}};
    values.push_back(controller->Next(0, StepMetrics(metrics), &memory));
  }
  return values;
}

// Step 1: short .5, threshold 1.5 * .3 = .45, gate 2 / (.9 + .1): 2 * .1 * .05 * 2 = .02.
// Step 2: short .45 + .2 = .65; average .05, error .049, PID .0147 + .00049 + .00245 = .01764,
// threshold 1.5 * .31764 = .47646; gate .5 at least: 2 * .1 * .17354 * .5.
TEST(SafeKl, HandWorked) {
  ExpectValues(SafeValues({{5, 0.9, 0}, {2, 9, 1}}), {0.02, 0.017354});
  ExpectValues(SafeValues({{4, 0.9, 0}}), {0});  // short .4
}

// A constant reward for 50 steps: error -.001 in 49 of them, integral -.049, PID -.0003 - .00049.
// short = 1 - .9^50 = .99484622. Plateau: threshold .8 * .29921; converged: .29921.
TEST(SafeKl, Phases) {
  const auto last = [](std::vector<SafeStep> steps) { return SafeValues(steps).back(); };
  EXPECT_NEAR(last(std::vector<SafeStep>(50, {1, 1.9, 0.5})), 0.2 * (0.99484622 - 0.239368), 1e-8);
  EXPECT_NEAR(last(std::vector<SafeStep>(50, {1, 1.9, 0.8})), 0.2 * (0.99484622 - 0.29921), 1e-8);
  // 50 steps of .2, then 50 of .9: climbing. With 120 of .9 it has converged, whatever came before.
  std::vector<SafeStep> steps(50, {0, 1.9, 0.2});
  steps.insert(steps.end(), 49, {0, 1.9, 0.9});
  steps.push_back({100, 1.9, 0.9});  // short 10, threshold at most .6 and at least .1
  const double climbing = last(steps);
  steps.pop_back();
  steps.insert(steps.end(), 70, {0, 1.9, 0.9});
  steps.push_back({100, 1.9, 0.9});
  const double converged = last(steps);
  // Errors: .05 * .7 * .95^i - .001, i = 0 .. 49; their sum is .7 (1 - .95^50) - .05, less .001 for
  // each of the 49 steps before.
  double error = 0, before = 0, integral = -0.049;
  for (int i = 0; i < 50; ++i) {
    before = error;
    error = 0.05 * 0.7 * std::pow(0.95, i) - 0.001;
    integral += error;
  }
  const double pid = 0.3 * error + 0.01 * integral + 0.05 * (error - before);
  EXPECT_NEAR(climbing, 0.2 * (10 - 1.2 * (0.3 + pid)), 1e-9);
  EXPECT_GT(converged, climbing);  // 1.0 instead of 1.2, and a lower average
}

}  // namespace
}  // namespace rlvr
