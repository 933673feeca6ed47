#include "objective/advantage/group_sampled.h"

#include <gtest/gtest.h>

#include <cmath>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Sampled [1, 0, 0, 0]: mean .25, std .5. The expert's 1 has (1 - .25) / .5 = 1.5.
TEST(GroupSampled, TheExpertIsBesideTheGroup) {
  Rows rows = RewardRows({{1, 0, 0, 0, 1}});
  rows.foreign[4] = 1;
  ExpectNear(WithAdvantage("{name: group_sampled, eps: 0}", rows).adv, {1.5, -0.5, -0.5, -0.5, 1.5},
             1e-14);
  ExpectNear(WithAdvantage("{name: group_sampled, norm: none}", rows).adv,
             {0.75, -0.25, -0.25, -0.25, 0.75}, 1e-14);
}

// Nothing sampled is right: no advantage among equals, all of it for the expert, undivided.
TEST(GroupSampled, EqualRewards) {
  Rows rows = RewardRows({{0.1, 0.1, 0.1, 1}});
  rows.foreign[3] = 1;
  ExpectNear(WithAdvantage("{name: group_sampled, eps: 0}", rows).adv, {0, 0, 0, 0.9}, 0);
}

TEST(GroupSampled, OneAndNone) {
  Rows rows = RewardRows({{1, 0.5}, {1, 0}});
  rows.foreign[1] = rows.foreign[2] = rows.foreign[3] = 1;  // one sampled; a replayed group
  const double a = std::sqrt(0.5);
  ExpectNear(WithAdvantage("{name: group_sampled, eps: 0}", rows).adv, {1, 0.5, a, -a}, 1e-14);
}

// Without an expert it is GRPO's.
TEST(GroupSampled, EqualsGroupNormalized) {
  const Rows rows = RewardRows({{1, 0, 0, 0.3}, {1, 1}, {0, 1, 1}, {0.7}});
  ExpectNear(WithAdvantage("{name: group_sampled}", rows).adv,
             WithAdvantage("{name: group_normalized}", rows).adv, 1e-14);
}

}  // namespace
}  // namespace rlvr
