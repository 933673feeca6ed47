#include "objective/advantage/prl.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// d = [.1, -.1, .2, 0], A = 1, eta 200: sums to come [.2, .1, .2, 0], values [.999, .9995, .999,
// 1].
Rows FourTokens() {
  Rows r = OneRow({1, 1, 1, 1});
  r.reward = {1};
  r.logp_old = {-1, -1, -1, -1};
  r.logp_ref = {-1.1, -0.9, -1.2, -1};
  return r;
}

Rows WithPrl(Rows rows, const std::string& params) {
  // A group of one has the advantage 1 under group_normalized with eps 0.
  return WithAdvantage("[{name: group_normalized, eps: 0}, {name: prl, " + params + "}]",
                       std::move(rows));
}

TEST(Prl, HandWorked) {
  ExpectNear(WithPrl(FourTokens(), "step_tokens: 2").adv, {0.9995, 0.9995, 1, 1}, 1e-12);
  ExpectNear(WithPrl(FourTokens(), "step_tokens: 1").adv, {0.999, 0.9995, 0.999, 1}, 1e-12);
  ExpectNear(WithPrl(FourTokens(), "step_tokens: 3").adv, {0.999, 0.999, 0.999, 1}, 1e-12);
  // Longer than the response: the last token is the one boundary.
  ExpectNear(WithPrl(FourTokens(), "step_tokens: 256, eta: 1").adv, {1, 1, 1, 1}, 1e-12);
}

// Each response has its own steps, and a boundary whose value is 0 is one all the same: A = 0
// there.
TEST(Prl, RowsAndZeroValues) {
  Rows rows = MakeTestRows({{2}, {2}});
  rows.reward = {0, 0};
  rows.logp_old = {-1, -1, -1, -1};
  rows.logp_ref = {-1.5, -1, -1, -3};
  ExpectNear(WithPrl(rows, "step_tokens: 1, eta: 1").adv, {-0.5, 0, -2, -2}, 1e-12);
}

TEST(Prl, MaskedTokensAreNotInTheSum) {
  Rows rows = FourTokens();
  rows.mask = {1, 1, 0, 1};
  ExpectNear(WithPrl(rows, "step_tokens: 1, eta: 1").adv, {1, 1.1, 1, 1}, 1e-12);
}

TEST(Prl, Needs) {
  const ConfigNode node = ParseConfig("[{name: group_centered}, {name: prl}]", "test");
  EXPECT_TRUE(MakeAdvantage(&node).needs().reference);
  EXPECT_THROW(WithPrl(FourTokens(), "step: newline"), Error);  // without a tokenizer
}

}  // namespace
}  // namespace rlvr
