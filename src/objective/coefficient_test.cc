#include "objective/coefficient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

double At(const std::string& map, int64_t step) {
  const ConfigNode node = ParseConfig(map, "test");
  return std::stod(ResolveCoefficients(node, "policy_loss.eps", step, {}).scalar);
}

TEST(Schedule, HandWorked) {
  const std::string linear = "{schedule: linear, from: 1, to: 3, steps: 4}";
  EXPECT_EQ(At(linear, 1), 1.5);
  EXPECT_EQ(At(linear, 2), 2);
  EXPECT_EQ(At(linear, 4), 3);
  EXPECT_EQ(At(linear, 99), 3);
  const std::string late = "{schedule: linear, from: 1, to: -3, begin: 10, steps: 4}";
  EXPECT_EQ(At(late, 1), 1);
  EXPECT_EQ(At(late, 10), 1);
  EXPECT_EQ(At(late, 11), 0);
  EXPECT_EQ(At(late, 14), -3);
  const std::string cosine = "{schedule: cosine, from: 0, to: 2, steps: 4}";
  EXPECT_NEAR(At(cosine, 1), 1 - std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(At(cosine, 2), 1, 1e-15);
  EXPECT_NEAR(At(cosine, 3), 1 + std::sqrt(0.5), 1e-15);
  EXPECT_EQ(At(cosine, 4), 2);
  const std::string exponential = "{schedule: exponential, from: -16, to: -1, steps: 4}";
  for (const int64_t step : {1, 2, 3, 4, 5})
    EXPECT_NEAR(At(exponential, step), -std::pow(2, std::max<int64_t>(4 - step, 0)), 1e-14);
  const std::string piecewise = "{schedule: piecewise, at: [2, 5, 8], values: [0.5, 0.1, -3]}";
  const Doubles want = {0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, -3, -3};
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(At(piecewise, static_cast<int64_t>(i) + 1), want[i]) << i;
  EXPECT_EQ(At("{schedule: linear, from: 0, to: 1, steps: 3}", 1), 1 / 3.0);  // no digit is lost
}

TEST(Schedule, Errors) {
  const auto message = [](const std::string& map) -> std::string {
    try {
      At(map, 1);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message("{schedule: linaer, steps: 1}"),
            "test:1: 'policy_loss.eps.schedule' is 'linaer' (did you mean 'linear'?)");
  EXPECT_EQ(message("{schedule: cosine, from: 1}"),
            "test:1: a schedule needs 'steps' (write {schedule: cosine, from: 1, to: 0, steps: "
            "100})");
  EXPECT_EQ(message("{schedule: linear, form: 1, steps: 2}"),
            "test:1: unknown key 'policy_loss.eps.form' (did you mean 'from'?)");
  EXPECT_EQ(message("{schedule: exponential, from: 1, to: 0, steps: 2}"),
            "test:1: an exponential schedule goes between numbers of one sign (use linear, or a "
            "small number instead of 0)");
  for (const char* map :
       {"{schedule: piecewise, at: [1, 2], values: [1]}", "{schedule: piecewise, values: [1]}",
        "{schedule: piecewise, at: [5, 1], values: [1, 2]}"}) {
    EXPECT_EQ(message(map),
              "test:1: a piecewise schedule needs rising 'at' and as many 'values' (write "
              "{schedule: piecewise, at: [1, 100], values: [0.1, 0.01]})")
        << map;
  }
  EXPECT_EQ(message("{controller: adaptive_kll}"),
            "test:1: there is no controller 'adaptive_kll' (did you mean 'adaptive_kl'?)");
}

TEST(Coefficients, AreReplacedWhereverTheyStand) {
  const ConfigNode node = ParseConfig(
      "[{name: kl, beta: {schedule: linear, from: 0, to: 1, steps: 10}, kind: k2},"
      " {name: entropy_bonus, coefficient: {controller: adaptive_entropy, init: 0.01}}]",
      "test");
  const ConfigNode got = ResolveCoefficients(node, "regularizer", 5, {});
  EXPECT_EQ(ToYaml(got), ToYaml(ParseConfig("[{name: kl, beta: 0.5, kind: k2},"
                                            " {name: entropy_bonus, coefficient: 0.01}]",
                                            "test")));
  MakeObjective(nullptr, nullptr, &got);  // and a recipe's reader takes them
}

// One regularizer's coefficient over the given metrics, one step each.
Doubles Follow(const ConfigNode& node, const std::string& metric, const Doubles& metrics,
               RunState* state) {
  Doubles values;
  for (const double m : metrics) {
    UpdateControllers(node, "regularizer", {{metric, m}}, state);
    const ConfigNode now = ResolveCoefficients(node, "regularizer", 1, *state);
    values.push_back(std::stod(now.items[0].items[1].scalar));
  }
  return values;
}

// beta 0.1, n / horizon = 0.1: e = 0.1, then clipped at 0.2 and at -0.2.
TEST(AdaptiveKl, HandWorked) {
  const ConfigNode node = ParseConfig(
      "[{name: kl, beta: {controller: adaptive_kl, init: 0.1, target: 0.1, horizon: 1000, n: "
      "100}}]",
      "test");
  RunState state;
  const Doubles got = Follow(node, "actor/kl_loss", {0.11, 5, 0}, &state);
  ExpectNear(got, {0.1 * 1.01, 0.1 * 1.01 * 1.02, 0.1 * 1.01 * 1.02 * 0.98}, 1e-15);
  EXPECT_EQ(state.values,
            (std::map<std::string, Doubles>{{"controller/regularizer.kl.beta", {got.back()}}}));
}

// alpha: 1, 2, 2.5 (high), 1.5 (and no bonus while H >= target), 2.5 thousandths.
TEST(AdaptiveEntropy, HandWorked) {
  const ConfigNode node = ParseConfig(
      "[{name: entropy_bonus, coefficient: {controller: adaptive_entropy, target: 0.2, delta: "
      "0.001, high: 0.0025}}]",
      "test");
  RunState state;
  const Doubles H = {0.1, 0.1, 0.1, 0.3, 0.1};
  const Doubles got = Follow(node, "actor/entropy", H, &state);
  ExpectNear(got, {0.001, 0.002, 0.0025, 0, 0.0025}, 1e-15);
  // The state of step 4, value and memory, is all that step 5 needs.
  RunState saved;
  Follow(node, "actor/entropy", {H.begin(), H.begin() + 4}, &saved);
  RunState restored{saved.values};
  EXPECT_EQ(Follow(node, "actor/entropy", {H[4]}, &restored), Doubles{got[4]});
  EXPECT_EQ(restored.values, state.values);
}

TEST(Controllers, KeepTheirStateByNameNotByPlace) {
  const std::string kl = "{name: kl, beta: {controller: adaptive_kl, init: 0.1}}",
                    entropy = "{name: entropy_bonus}";
  RunState state;
  Follow(ParseConfig("[" + kl + ", " + entropy + "]", "test"), "actor/kl_loss", {9}, &state);
  const ConfigNode moved = ResolveCoefficients(ParseConfig("[" + entropy + ", " + kl + "]", "test"),
                                               "regularizer", 2, state);
  EXPECT_NEAR(std::stod(moved.items[1].Find("beta")->scalar), 0.1 * (1 + 0.2 * 256 / 10000), 1e-15);
}

TEST(Controllers, AMissingMetricIsNamed) {
  const ConfigNode node = ParseConfig("[{name: kl, beta: {controller: adaptive_kl}}]", "test");
  RunState state;
  try {
    UpdateControllers(node, "regularizer", {{"actor/kl_los", 1}}, &state);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "controller: no step has a metric 'actor/kl_loss' (did you mean 'actor/kl_los'?)");
  }
}

}  // namespace
}  // namespace rlvr
