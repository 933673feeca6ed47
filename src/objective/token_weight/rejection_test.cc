#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two rows of 3 and 2 tokens. d = [1, -.5, 0 | .2, -.2]; A = 1, r = 1.
Rows StaleRows() {
  Rows rows = MakeTestRows({{3, 2}});
  rows.adv.assign(5, 1);
  rows.logp_old = {-2, -1.5, -1, -1.2, -0.8};
  rows.behaviour["logp"] = {-1, -2, -1, -1, -1};
  return rows;
}

// Coefficients of J_t = r_t under token_mean: 1 / kept for each kept token.
Doubles Kept(const std::string& params, const Rows& rows) {
  const auto objective = MakeTestObjective("{name: truncated_is, C: 1, eps_low: 1, eps_high: 10}",
                                           "[]", "[{name: rejection, " + params + "}]");
  const auto r = Evaluate(*objective, rows, {rows.behaviour.at("logp"), Doubles(5)});
  double kept = 0;
  for (const double c : r.coefficients[0]) kept += c != 0;
  EXPECT_NEAR(MetricOf(r, "token_weight/rejected"), 1 - kept / 5, 1e-15) << params;
  Doubles shown;
  // C = 1: the weight is min(exp(d), 1), or exp(d) below it.
  const Doubles weight = {1, std::exp(-0.5), 1, 1, std::exp(-0.2)};
  for (size_t t = 0; t < 5; ++t) {
    const double c = r.coefficients[0][t];
    if (c != 0) {
      EXPECT_NEAR(c, weight[t] / kept, 1e-14) << params << " " << t;
    }
    shown.push_back(c != 0);
  }
  return shown;
}

// -d = [-1, .5, 0 | -.2, .2] within log .5 = -.693 and log 2 = .693: the first token goes; within
// log .5 and log 1.5 = .405 the second as well.
TEST(Rejection, TokensByRatio) {
  ExpectNear(Kept("kind: k1, low: 0.5, high: 2", StaleRows()), {0, 1, 1, 1, 1}, 0);
  ExpectNear(Kept("kind: k1, low: 0.5, high: 1.5", StaleRows()), {0, 0, 1, 1, 1}, 0);
}

// d^2 / 2 = [.5, .125, 0 | .02, .02];  e^d - 1 - d = [.71828, .10653, 0 | .02140, .01873].
TEST(Rejection, TokensByDivergence) {
  ExpectNear(Kept("kind: k2, high: 0.2", StaleRows()), {0, 1, 1, 1, 1}, 0);
  ExpectNear(Kept("kind: k2, high: 0.1", StaleRows()), {0, 0, 1, 1, 1}, 0);
  ExpectNear(Kept("kind: k3, high: 0.02", StaleRows()), {0, 0, 1, 0, 1}, 0);
}

// Sums of -d: -.5 and 0; of k2: .625 and .04. Means of k2: .2083 and .02; largest: .5 and .02.
TEST(Rejection, WholeResponses) {
  ExpectNear(Kept("level: seq_sum, kind: k1, low: 0.7, high: 2", StaleRows()), {0, 0, 0, 1, 1}, 0);
  ExpectNear(Kept("level: seq_sum, kind: k1, low: 0.6, high: 2", StaleRows()), Doubles(5, 1), 0);
  ExpectNear(Kept("level: seq_sum, kind: k2, high: 0.6", StaleRows()), {0, 0, 0, 1, 1}, 0);
  ExpectNear(Kept("level: seq_mean, kind: k2, high: 0.21", StaleRows()), Doubles(5, 1), 0);
  ExpectNear(Kept("level: seq_mean, kind: k2, high: 0.2", StaleRows()), {0, 0, 0, 1, 1}, 0);
  ExpectNear(Kept("level: seq_max, kind: k2, high: 0.45", StaleRows()), {0, 0, 0, 1, 1}, 0);
}

TEST(Rejection, MaskedTokensDoNotJudgeAResponse) {
  Rows rows = StaleRows();
  rows.mask[0] = 0;  // without it the largest k2 of the first row is .125
  const auto r = Evaluate(*MakeTestObjective("{name: truncated_is}", "[]",
                                             "[{name: rejection, level: seq_max, kind: k2, high: "
                                             "0.2}]"),
                          rows, {rows.behaviour.at("logp"), Doubles(5)});
  EXPECT_EQ(MetricOf(r, "token_weight/rejected"), 0);
}

TEST(Rejection, TheLargestOfSignedValuesIsRefused) {
  const Rows rows = StaleRows();
  const auto objective =
      MakeTestObjective("{name: truncated_is}", "[]", "[{name: rejection, level: seq_max}]");
  EXPECT_THROW(Evaluate(*objective, rows, {rows.behaviour.at("logp"), Doubles(5)}), Error);
}

}  // namespace
}  // namespace rlvr
