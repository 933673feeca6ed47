#include <gtest/gtest.h>

#include <cmath>

#include "objective/loss_stage.h"
#include "objective/test_rows.h"

namespace rlvr {
namespace {

// 10 tokens in rows of 4 | 3 3; ratio 1.
Rows TenTokens() {
  Rows rows = MakeTestRows({{4}, {3, 3}});
  rows.adv = {1, 1, 1, 1, -2, -2, -2, 3, 3, 3};
  return rows;
}
const Doubles kEntropies = {0.1, 2.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.5, 0.9};

std::unique_ptr<Objective> Forking(const std::string& more = "") {
  return MakeTestObjective("{name: ppo_clip}", "[]", "[{name: forking_tokens" + more + "}]");
}

// rho 0.2 of 10: the tokens of entropy 2.0 and 1.5. J = (1 + 3) / 2; each keeps A_t / 2.
TEST(ForkingTokens, HandWorked) {
  const auto objective = Forking();
  const Rows rows = TenTokens();
  const auto r = Evaluate(*objective, rows, {Doubles(10), kEntropies});
  EXPECT_NEAR(r.objective, 2, 1e-15);
  ExpectNear(r.coefficients[0], {0, 0.5, 0, 0, 0, 0, 0, 0, 1.5, 0}, 1e-15);
  ExpectNear(r.coefficients[1], Doubles(10), 0);  // no gradient through the choice
  EXPECT_NEAR(MetricOf(r, "token_weight/kept"), 0.2, 1e-15);
  EXPECT_NEAR(MetricOf(r, "actor/entropy"), 0.78, 1e-15);  // of all tokens
  Doubles logp = RandomDoubles(10, 3);
  for (double& x : logp) x *= 0.05;
  ExpectGradient(*objective, rows, {logp, kEntropies});
}

// 8 unmasked tokens: ceil(1.6) = 2 of them, the masked 2.0 and 1.5 are not seen.
TEST(ForkingTokens, MaskedTokensAreNotRanked) {
  Rows rows = TenTokens();
  rows.mask[1] = rows.mask[8] = 0;
  const auto r = Evaluate(*Forking(), rows, {Doubles(10), kEntropies});
  EXPECT_NEAR(r.objective, 3, 1e-15);
  ExpectNear(r.coefficients[0], {0, 0, 0, 0, 0, 0, 0, 1.5, 0, 1.5}, 1e-15);
  EXPECT_NEAR(MetricOf(r, "token_weight/kept"), 0.25, 1e-15);
}

// The top token of each response: J = (1 - 2 + 3) / 3. The top 2 of each group, ceil(0.3 * 4) and
// ceil(0.3 * 6): J = (1 + 1 + 3 + 3) / 4.
TEST(ForkingTokens, ScopesAndDenominators) {
  const Rows rows = TenTokens();
  EXPECT_NEAR(Evaluate(*Forking(", scope: response"), rows, {Doubles(10), kEntropies}).objective,
              2 / 3.0, 1e-15);
  EXPECT_NEAR(
      Evaluate(*Forking(", scope: group, rho: 0.3"), rows, {Doubles(10), kEntropies}).objective, 2,
      1e-15);
  // The batch's top 3 lie in rows 0 and 2: row 1 has left the mean over sequences.
  const auto by_row = MakeTestObjective("{name: ppo_clip, aggregate: seq_mean_token_mean}", "[]",
                                        "[{name: forking_tokens, rho: 0.3}]");
  const auto r = Evaluate(*by_row, rows, {Doubles(10), kEntropies});
  EXPECT_NEAR(r.objective, (1.0 + (3 + 3) / 2.0) / 2, 1e-15);
  ExpectNear(r.coefficients[0], {0, 0.5, 0, 0, 0, 0, 0, 0, 0.75, 0.75}, 1e-15);
}

TEST(ForkingTokens, ShareIsNotRoundedUpByAnError) {  // 0.2 * 5 is 1; 0.2 * 6 rounds up to 2
  for (const auto& [n, kept] : {std::pair{5, 1}, {6, 2}, {15, 3}, {35, 7}}) {
    const auto size = static_cast<size_t>(n);
    const auto r =
        Evaluate(*Forking(), OneRow(Doubles(size, 1)), {Doubles(size), RandomDoubles(size, 1)});
    EXPECT_NEAR(MetricOf(r, "token_weight/kept") * n, kept, 1e-12) << n;
  }
}

// The same tokens whatever the order of the groups, also where entropies are equal.
TEST(ForkingTokens, OrderOfTheBatchIsFree) {
  const Rows rows = TenTokens();
  Rows other = MakeTestRows({{3, 3}, {4}});
  other.prompt = {11, 10};
  other.adv = {-2, -2, -2, 3, 3, 3, 1, 1, 1, 1};
  const auto a = Evaluate(*Forking(), rows, {Doubles(10), Doubles(10, 0.5)}),
             b = Evaluate(*Forking(), other, {Doubles(10), Doubles(10, 0.5)});
  EXPECT_EQ(a.objective, b.objective);
  EXPECT_EQ(b.coefficients[0], (Doubles{0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0}));
}

// A token weight may give tokens their own bounds: those hold, and the recipe's elsewhere do not.
TEST(ClippedSurrogate, OwnBounds) {
  const ConfigNode node = ParseConfig("{name: ppo_clip, eps: 0.2}", "test");
  const auto loss = PolicyLossList().Make(&node, "");
  const Rows rows = OneRow({1, 1, -1, -1});
  const Totals totals = CountTotals(rows);
  Tape tape;
  const Field logp = tape.Input({std::log(1.5), std::log(1.5), std::log(0.5), std::log(0.5)});
  const TokenFields f{.rows = rows,
                      .totals = totals,
                      .tape = &tape,
                      .logp = logp,
                      .entropy = {},
                      .logp_old = tape.Constant(rows.logp_old),
                      .entropy_old = {},
                      .adv = tape.Constant(rows.adv),
                      .logp_ref = {},
                      .mask = rows.mask,
                      .low = {0.8, 0.8, 0.4, 0.9},
                      .high = {1.1, 2, 1.2, 1.2},
                      .more = {}};
  const Field J = loss->J(f);
  ExpectNear(J.values(), {1.1, 1.5, -0.5, -0.9}, 1e-15);
  ExpectNear(tape.Gradient(J, logp), {0, 1.5, -0.5, 0}, 1e-15);
}

}  // namespace
}  // namespace rlvr
