#include "objective/advantage/spear.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Sampled groups with mean rewards .25 and 1, and a replayed group [1, 0, 1] with one long row.
Rows OldAndNew() {
  Rows r = MakeTestRows({{1, 1, 1, 1}, {1, 1}, {2, 1, 1}});
  r.reward = {1, 0, 0, 0, 1, 1, 1, 0, 1};
  for (int64_t s = 6; s < 9; ++s) r.foreign[s] = r.replayed[s] = 1;
  return r;
}

BatchStages Stages(const std::string& params) {
  const ConfigNode node =
      ParseConfig("[{name: group_centered}, {name: spear" + params + "}]", "test");
  return MakeAdvantage(&node);
}

// Step 1 has no history: baseline 0, and the replayed rows that were right keep A = 1. They are a
// group of mean 2/3, so the wrong one goes. gamma(50) = .146447, gamma(100) = .5, from 200 on 1.
TEST(Spear, HandWorked) {
  StageRun run{OldAndNew(), {}, {}};
  run.state.values["spear/mean"] = {0.5, 0.125, 0.75};  // P50 = .5
  run.state.values["spear/std"] = {0, 0, 0};
  Apply(Stages(""), &run, 50);
  const double gamma = 0.14644660940672624;
  ExpectNear(run.rows.adv, {0.75, -0.25, -0.25, -0.25, 0, 0, 0.5, 0.5, 0, 0.5}, 1e-15);
  ExpectNear(run.rows.weight, {1, 1, 1, 1, 1, 1, gamma, gamma, gamma, gamma}, 1e-15);
  ExpectNear(run.rows.mask, {1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, 0);
  EXPECT_NEAR(MetricOf(run.metrics, "spear/kept"), 2.0 / 3, 1e-15);
  ExpectNear(run.state.values["spear/mean"], {0.5, 0.125, 0.75, 0.25, 1}, 1e-15);
  for (const auto& [step, weight] : {std::pair<int64_t, double>{100, 0.5}, {200, 1}, {999, 1}}) {
    StageRun later{OldAndNew(), {}, {}};
    Apply(Stages(", coefficient: 2"), &later, step, 1000);
    EXPECT_NEAR(later.rows.weight[6], 2 * weight, 1e-15) << step;
  }
}

// What was good for its time may no longer be: r - P50 = 0 is no advantage.
TEST(Spear, TheBaselineOvertakes) {
  StageRun run{OldAndNew(), {}, {}};
  run.state.values["spear/mean"] = {1, 1, 0};
  run.state.values["spear/std"] = {0, 0, 0.5};
  Apply(Stages(""), &run, 200);
  ExpectNear({run.rows.mask.begin() + 6, run.rows.mask.end()}, {0, 0, 0, 0}, 0);
  ExpectNear({run.rows.adv.begin() + 6, run.rows.adv.end()}, {0, 0, 0, 0}, 0);
}

// A right response of a group without a wrong one had no advantage then, and gets none now.
TEST(Spear, NoAdvantageThenNoneNow) {
  Rows rows = OldAndNew();
  rows.reward[7] = 1;
  StageRun run{rows, {}, {}};
  run.state.values["spear/mean"] = {0};
  run.state.values["spear/std"] = {0};
  Apply(Stages(""), &run, 200);
  ExpectNear({run.rows.mask.begin() + 6, run.rows.mask.end()}, {0, 0, 0, 0}, 0);
}

// A replayed group of conversations: turn rewards 1 and 0 against 0 and 1, outcomes 1. Each row's own
// better turn stays, its other one goes.
TEST(Spear, TurnsOfAConversation) {
  Rows rows = MakeTestRows({{2, 3}});
  rows.turn = {0, 1, 0, 0, 1};
  rows.turn_reward = {1, 0, 0, 0, 1};
  rows.reward = {2, 2};
  rows.foreign = rows.replayed = {1, 1};
  StageRun run{rows, {}, {}};
  const ConfigNode node = ParseConfig("[{name: turn_centered}, {name: spear}]", "test");
  Apply(MakeAdvantage(&node), &run, 200);
  ExpectNear(run.rows.adv, {2, 0, 0, 0, 2}, 1e-15);
  ExpectNear(run.rows.mask, {1, 0, 0, 0, 1}, 0);
  EXPECT_EQ(MetricOf(run.metrics, "spear/kept"), 1);
}

// (1 - .5) / (P50 of the stds + 0): .5 / .25 = 2. The history keeps the newest groups: population
// std of [1, 0, 0, 0] is sqrt(3) / 4.
TEST(Spear, NormAndHistory) {
  StageRun run{OldAndNew(), {}, {}};
  run.state.values["spear/mean"] = {0.5, 0.5};
  run.state.values["spear/std"] = {0.25, 0.25};
  Apply(Stages(", norm: std, eps: 0, baseline_groups: 3"), &run, 200);
  EXPECT_NEAR(run.rows.adv[6], 2, 1e-15);
  ExpectNear(run.state.values["spear/mean"], {0.5, 0.25, 1}, 1e-15);
  ExpectNear(run.state.values["spear/std"], {0.25, std::sqrt(3.0) / 4, 0}, 1e-15);
}

// An expert's rows are neither history nor replay.
TEST(Spear, ExpertRowsAreLeftAlone) {
  Rows rows = OldAndNew();
  for (int64_t s = 6; s < 9; ++s) rows.replayed[s] = 0;
  StageRun run{rows, {}, {}};
  Apply(Stages(""), &run, 50);
  ExpectNear({run.rows.adv.begin() + 6, run.rows.adv.end()}, {1.0 / 3, 1.0 / 3, -2.0 / 3, 1.0 / 3},
             1e-15);
  ExpectNear(run.rows.weight, Doubles(10, 1), 0);
  EXPECT_EQ(run.state.values["spear/mean"].size(), 2u);
}

}  // namespace
}  // namespace rlvr
