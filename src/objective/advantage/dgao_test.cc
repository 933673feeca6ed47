#include "objective/advantage/dgao.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two questions, each in two orders with two responses: rewards 1 1 0 1 and 0 0 1 0.
Rows TwoQuestions() {
  Rows r = RewardRows({{1, 1}, {0, 0}, {0, 1}, {1, 0}});
  r.family = {0, 1, 0, 1};
  return r;
}

TEST(Dgao, ByHand) {  // means .75 and .25, b .5; groups in the order of the rows above
  ExpectNear(WithAdvantage("{name: dgao, alpha: 0.5}", TwoQuestions()).adv,
             {.25, .25, -.25, -.25, -.25, .25, .25, -.25}, 1e-12);
  ExpectNear(WithAdvantage("{name: dgao, alpha: 0}", TwoQuestions()).adv,
             {.25, .25, -.25, -.25, -.75, .25, .75, -.25}, 1e-12);
  ExpectNear(WithAdvantage("{name: dgao, alpha: 1}", TwoQuestions()).adv,
             {.25, .25, -.25, -.25, .25, .25, -.25, -.25}, 1e-12);
}

TEST(Dgao, ScopeGroup) {  // means 1, 0, .5, .5; b .5
  ExpectNear(WithAdvantage("{name: dgao, alpha: 0.25, scope: group}", TwoQuestions()).adv,
             {.125, .125, -.125, -.125, -.375, .375, .375, -.375}, 1e-12);
}

// Question 0: always answer 1, right. Question 1: always answer 2, wrong; one response gave none.
// Question 2: two answers. Question 3 has one order only and does not count.
TEST(Dgao, Metrics) {
  Rows r = RewardRows({{1}, {1}, {0, 0}, {0}, {1}, {0}, {1}});
  r.family = {0, 0, 1, 1, 2, 2, 3};
  r.answer_hash = {7, 7, 8, 0, 8, 7, 9, 7};
  const ConfigNode node = ParseConfig("{name: dgao}", "test");
  StageRun run{r, {}, {}};
  Apply(MakeAdvantage(&node), &run);
  EXPECT_NEAR(MetricOf(run.metrics, "dgao/consistency"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(MetricOf(run.metrics, "dgao/overconfidence"), 1.0 / 3, 1e-12);
}

}  // namespace
}  // namespace rlvr
