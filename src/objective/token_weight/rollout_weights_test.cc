// Corrections for responses that another distribution drew: rollout_is (TIS) and ais.
#include <gtest/gtest.h>

#include <cmath>

#include "objective/coefficient.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

constexpr const char* kLoss = "{name: reinforce, aggregate: token_sum_norm, constant: 1}";

// Rows whose tokens have these weights pi / mu; pi = 1 / 2 everywhere.
Rows WithWeights(const std::vector<Doubles>& weights) {
  std::vector<std::vector<int64_t>> lengths(1);
  for (const Doubles& row : weights) lengths[0].push_back(static_cast<int64_t>(row.size()));
  Rows rows = MakeTestRows(lengths);
  for (const Doubles& row : weights) {
    for (const double w : row) rows.sampler_logp.push_back(std::log(0.5) - std::log(w));
  }
  rows.logp_old.assign(rows.sampler_logp.size(), std::log(0.5));
  rows.adv.assign(rows.sampler_logp.size(), 1);
  return rows;
}

ObjectiveResult With(const std::string& token_weight, const Rows& rows) {
  const auto objective = MakeTestObjective(kLoss, "[]", "[" + token_weight + "]");
  return Evaluate(*objective, rows, {rows.logp_old, Doubles(rows.logp_old.size())});
}
// What a token's gradient is multiplied by: J is the sum of A logp over the S rows.
Doubles Multipliers(const std::string& token_weight, const Rows& rows) {
  const Doubles plain = With("{name: rollout_is, C: 1000000}",
                             [&] {
                               Rows r = rows;
                               r.sampler_logp = {};
                               return r;
                             }())
                            .coefficients[0];
  Doubles c = With(token_weight, rows).coefficients[0];
  for (size_t t = 0; t < c.size(); ++t) c[t] /= plain[t];
  return c;
}

// Tokens: min(w, 2). Responses: 1.5 * 4 = 6 -> 2 and 0.5 * 0.8 * 1 = 0.4.
TEST(RolloutIs, HandWorked) {
  const Rows rows = WithWeights({{1.5, 4}, {0.5, 0.8, 1}});
  ExpectNear(Multipliers("{name: rollout_is}", rows), {1.5, 2, 0.5, 0.8, 1}, 1e-14);
  ExpectNear(Multipliers("{name: rollout_is, level: sequence}", rows), {2, 2, 0.4, 0.4, 0.4},
             1e-14);
  const ObjectiveResult r = With("{name: rollout_is}", rows);
  EXPECT_NEAR(MetricOf(r, "rollout_corr/rollout_is_mean"), 5.8 / 5, 1e-14);
  EXPECT_NEAR(MetricOf(r, "rollout_corr/rollout_is_max"), 4, 1e-14);
  EXPECT_NEAR(MetricOf(r, "rollout_corr/rollout_is_ratio_fraction_high"), 0.2, 1e-14);
  // (sum w)^2 / (n sum w^2) = 33.64 / (5 * 8.14)
  EXPECT_NEAR(MetricOf(r, "rollout_corr/rollout_is_eff_sample_size"), 33.64 / 40.7, 1e-13);
}

TEST(RolloutIs, MaskedTokensAreInNoSum) {
  Rows rows = WithWeights({{1.5, 4}, {0.5, 0.8, 1}});
  rows.mask[1] = 0;
  const Doubles c = Multipliers("{name: rollout_is, level: sequence}", rows);
  EXPECT_NEAR(c[0], 1.5, 1e-14);
  EXPECT_NEAR(MetricOf(With("{name: rollout_is}", rows), "rollout_corr/rollout_is_max"), 1.5,
              1e-14);
}

// The catalogue's check: weights 1, 1, 1, 5 give e = 64 / (4 * 28) = 0.5714 and v = sqrt(3) / 2.
TEST(Ais, HandWorkedDiagnostics) {
  const Rows rows = WithWeights({{1}, {1}, {1}, {5}});
  const ObjectiveResult r = With("{name: ais, d0: 100, v0: 100}", rows);
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_reliability"), 64.0 / 112, 1e-14);
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_amplification"), std::sqrt(3) / 2, 1e-14);
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_divergence"), std::log(5) / 4, 1e-14);
  // lambda = 1 - e = 48 / 112: the others are far below it. 1 + lambda (min(5, 2) - 1).
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_lambda"), 48.0 / 112, 1e-14);
  ExpectNear(Multipliers("{name: ais, d0: 100, v0: 100}", rows), {1, 1, 1, 1 + 48.0 / 112}, 1e-14);
}

// W of the responses are 2 and 1 / 2: e = 6.25 / (2 * 4.25); w = 2, 1, 1/2, 1 have mean 9 / 8 and
// std sqrt(6.25 / 4 - 81 / 64); |d| = ln 2 / 2.
TEST(Ais, EachDiagnosticCanLead) {
  const Rows rows = WithWeights({{2, 1}, {0.5, 1}});
  const auto lambda = [&](const std::string& more) {
    return MetricOf(With("{name: ais" + more + "}", rows), "token_weight/ais_lambda");
  };
  EXPECT_NEAR(lambda(", d0: 100, v0: 100"), 1 - 6.25 / 8.5, 1e-14);
  EXPECT_NEAR(lambda(", d0: 1, v0: 100"), std::log(2) / 2, 1e-14);
  const double v = std::sqrt(6.25 / 4 - 81.0 / 64) / (9.0 / 8);
  EXPECT_NEAR(lambda(", d0: 100, v0: 1"), v, 1e-14);
  EXPECT_EQ(lambda(""), 1);  // ln 2 / 2 / 0.05 is beyond 1
  EXPECT_NEAR(lambda(", d0: 1, v0: 100, ema: 0.9, previous: 0.5"), 0.45 + 0.05 * std::log(2),
              1e-14);
}

// mu = pi: e = 1, m = v = 0, lambda 0, and the coefficients of no correction, bit for bit; also after
// steps in which lambda was not 0.
TEST(Ais, WithoutMismatchNothingChanges) {
  Rows rows = ThreeRows();
  const std::vector<Doubles> statistics = {RandomDoubles(9, 1), RandomDoubles(9, 2)};
  const auto plain = Evaluate(*MakeTestObjective("{name: decoupled_clip}"), rows, statistics);
  for (const bool recorded : {false, true}) {
    rows.sampler_logp = recorded ? rows.logp_old : Doubles();
    for (const char* method : {"{name: ais}", "{name: ais, ema: 0.9, previous: 0.3}",
                               "{name: rollout_is}", "{name: rollout_is, level: sequence}"}) {
      const auto r = Evaluate(
          *MakeTestObjective("{name: decoupled_clip}", "[]", std::string("[") + method + "]"), rows,
          statistics);
      EXPECT_EQ(r.coefficients, plain.coefficients) << method;
      EXPECT_EQ(r.objective, plain.objective) << method;
    }
    const auto r = Evaluate(*MakeTestObjective("{name: decoupled_clip}", "[]", "[{name: ais}]"),
                            rows, statistics);
    EXPECT_EQ(MetricOf(r, "token_weight/ais_lambda"), 0);
    EXPECT_EQ(MetricOf(r, "token_weight/ais_reliability"), 1);
    EXPECT_EQ(MetricOf(r, "token_weight/ais_divergence"), 0);
    EXPECT_EQ(MetricOf(r, "token_weight/ais_amplification"), 0);
  }
}

TEST(Ais, LambdaOneIsTruncatedImportanceSampling) {
  Rows rows = ThreeRows();
  rows.sampler_logp = RandomDoubles(9, 8);  // far away: every diagnostic is beyond its scale
  const std::vector<Doubles> statistics = {RandomDoubles(9, 1), RandomDoubles(9, 2)};
  const auto with = [&](const std::string& method) {
    return Evaluate(*MakeTestObjective("{name: decoupled_clip}", "[]", "[" + method + "]"), rows,
                    statistics);
  };
  const auto ais = with("{name: ais, C: 1.5}");
  EXPECT_EQ(MetricOf(ais, "token_weight/ais_lambda"), 1);
  EXPECT_EQ(ais.coefficients, with("{name: rollout_is, C: 1.5}").coefficients);
}

// An expert's response has no log-probs: it is in no diagnostic, and weighs 1.
TEST(Ais, ExpertsDoNotCount) {
  Rows rows = WithWeights({{1}, {5}, {1, 1, 1}});
  rows.foreign[2] = 1;
  const ObjectiveResult r = With("{name: ais, d0: 100, v0: 100}", rows);
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_reliability"), 36.0 / 52, 1e-14);
  EXPECT_NEAR(MetricOf(r, "token_weight/ais_divergence"), std::log(5) / 2, 1e-14);
}

// lambda_1 = 0.1 now_1, lambda_2 = 0.9 lambda_1 + 0.1 now_2: the state lives in the controller.
TEST(Ais, MovingAverageOverSteps) {
  const ConfigNode node = ParseConfig(
      "[{name: ais, d0: 1, v0: 100, ema: 0.9, previous: {controller: last_value}}]", "test");
  const ConfigNode loss = ParseConfig(kLoss, "test");
  const Rows rows = WithWeights({{2, 1}, {0.5, 1}});
  const double now = std::log(2) / 2;
  RunState state;
  double want = 0;
  for (int64_t step = 1; step <= 3; ++step) {
    const ConfigNode resolved = ResolveCoefficients(node, "token_weight", step, state);
    const auto objective = MakeObjective(&resolved, &loss, nullptr);
    const auto r = Evaluate(*objective, rows, {rows.logp_old, Doubles(4)});
    want = 0.9 * want + 0.1 * now;
    const double lambda = MetricOf(r, "token_weight/ais_lambda");
    EXPECT_NEAR(lambda, want, 1e-14) << step;
    UpdateControllers(node, "token_weight", {{"token_weight/ais_lambda", lambda}}, &state);
  }
}

}  // namespace
}  // namespace rlvr
