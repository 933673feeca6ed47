#include "objective/test_rows.h"

namespace rlvr {
namespace {

// Two tokens with D = 0.2 and 0.6 (statistic values as a model's rows would give them), beta 0.5,
// no advantage: J = -0.5 (0.2 + 0.6) / 2 = -0.2, dJ/dD_t = -0.25.
TEST(KlFull, HandWorked) {
  for (const char* direction : {"to_reference", "from_reference"}) {
    const auto objective = MakeTestObjective(
        "{name: ppo_clip}",
        "[{name: kl_full, beta: 0.5, direction: " + std::string(direction) + "}]");
    ASSERT_EQ(objective->needs().statistics.size(), 3u);
    EXPECT_EQ(ToString(objective->needs().statistics[2]), "kl_" + std::string(direction));
    EXPECT_TRUE(objective->needs().second_model());
    EXPECT_FALSE(objective->needs().reference);  // no sampled token of it is read
    Rows rows = MakeTestRows({{2}});
    const ObjectiveResult r = Evaluate(*objective, rows, {{0, 0}, {0, 0}, {0.2, 0.6}});
    EXPECT_NEAR(r.objective, -0.2, 1e-12);
    ExpectNear(r.coefficients[2], {-0.25, -0.25}, 1e-12);
    EXPECT_NEAR(MetricOf(r, "actor/kl_full"), 0.4, 1e-12);
  }
}

}  // namespace
}  // namespace rlvr
