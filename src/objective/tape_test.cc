#include "objective/tape.h"

#include <gtest/gtest.h>

#include <functional>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// --- tape: every operation against central differences

void CheckGradient(const std::function<Field(const Field&)>& f, const Doubles& x) {
  Tape tape;
  const Field in = tape.Input(x);
  const Doubles gradient = tape.Gradient(f(in), in);
  for (size_t i = 0; i < x.size(); ++i) {
    const double h = 1e-6;
    double difference = 0;
    for (const double sign : {1.0, -1.0}) {
      Doubles y = x;
      y[i] += sign * h;
      Tape t;
      for (const double v : f(t.Input(y)).values()) difference += sign * v / (2 * h);
    }
    EXPECT_NEAR(gradient[i], difference, 1e-7 * (1 + std::abs(difference))) << i;
  }
}

TEST(Tape, EveryOperation) {
  const Doubles x = RandomDoubles(6, 1), positive = {0.3, 1.7, 2.5, 0.9, 4.0, 1.1};
  const std::vector<int64_t> ranges = {0, 1, 4, 6};
  const auto other = [](const Field& a) {
    return a.tape()->Constant({0.5, -1.5, 2.0, 1.25, -0.75, 0.4});
  };
  CheckGradient([&](const Field& a) { return a + other(a) * a; }, x);
  CheckGradient([&](const Field& a) { return (a - other(a)) * (2.0 - a); }, x);
  CheckGradient([&](const Field& a) { return other(a) / a + a / other(a) + a / 3.0; }, positive);
  CheckGradient([&](const Field& a) { return -Exp(a) * 0.5 + (a - 1.0) + (1.0 + a); }, x);
  CheckGradient([&](const Field& a) { return Log(a) + Sqrt(a); }, positive);
  CheckGradient([&](const Field& a) { return Abs(a) + Sigmoid(a) * 3.0 + Softplus(a); }, x);
  CheckGradient([&](const Field& a) { return Min(a * a, other(a)) + Max(a, other(a)); }, x);
  CheckGradient([&](const Field& a) { return Clip(a, -0.5, 0.5) * other(a); }, x);
  CheckGradient([&](const Field& a) { return Where({1, 0, 1, 1, 0, 0}, a * a, a * 3.0); }, x);
  CheckGradient([&](const Field& a) { return Sum(a * other(a)) * a; },
                x);  // a scalar meets a field
  CheckGradient(
      [&](const Field& a) { return SegmentSum(a * a, ranges) * SegmentLogSumExp(a, ranges); }, x);
  CheckGradient([&](const Field& a) { return Broadcast(SegmentSum(a, ranges), ranges) * a * a; },
                x);
  CheckGradient([&](const Field& a) { return Gather(a, {5, 0, 0}) * Gather(a, {1, 2, 3}); }, x);
  CheckGradient([&](const Field& a) { return LeaveOneOutMean(a * a, ranges) * other(a); }, x);
}

TEST(Tape, StopGradientAndExtremes) {
  Tape tape;
  const Field a = tape.Input({2, 3});
  ExpectNear(tape.Gradient(StopGradient(a) * a, a), {2, 3}, 0);
  const Field big = tape.Input({1000, -1000});
  ExpectNear(Softplus(big).values(), {1000, 0}, 0);
  ExpectNear(Sigmoid(big).values(), {1, 0}, 0);
  ExpectNear(SegmentLogSumExp(big, {0, 2}).values(), {1000}, 0);
}

}  // namespace
}  // namespace rlvr
