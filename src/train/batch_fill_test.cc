#include "train/batch_fill.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace rlvr {
namespace {

TEST(BatchFill, ChancesHandWorked) {
  BatchFill fill(2, 10, 0.5);
  EXPECT_EQ(fill.Chance(), 1);
  fill.Add();
  EXPECT_EQ(fill.Chance(), 1);  // one group before it: at most one is kept
  fill.Add();
  EXPECT_NEAR(fill.Chance(), 0.75, 1e-12);  // P(not both are kept)
  fill.Add();
  EXPECT_NEAR(fill.Chance(), 0.5, 1e-12);  // (1 + 3) / 8
  EXPECT_TRUE(fill.Wants(0.49));
  EXPECT_FALSE(fill.Wants(0.51));
  // One of three is kept, and so is a share of (1 + 16 / 2) / 17: both others must be dropped.
  fill.Decide(1, true);
  EXPECT_NEAR(fill.Chance(), 8.0 / 17 * 8 / 17, 1e-12);
  // (1 + 8) / 18 = 1 / 2.
  fill.Decide(0, false);
  EXPECT_NEAR(fill.Chance(), 0.5, 1e-12);
  EXPECT_FALSE(fill.full());
  EXPECT_EQ(fill.end(), 10);
  fill.Decide(2, true);
  EXPECT_TRUE(fill.full());
  EXPECT_EQ(fill.end(), 3);
  EXPECT_EQ(fill.Chance(), 0);
  EXPECT_FALSE(fill.Wants(0));
}

TEST(BatchFill, ALateVerdictMovesTheEndForward) {
  BatchFill fill(2, 10, 1);
  for (int i = 0; i < 5; ++i) fill.Add();
  fill.Decide(4, true);
  fill.Decide(2, true);
  EXPECT_EQ(fill.end(), 5);  // 0, 1 and 3 may still be kept
  EXPECT_FALSE(fill.full());
  fill.Decide(0, true);
  EXPECT_EQ(fill.end(), 3);  // 3 and 4 are surplus, whatever 1 comes to
  EXPECT_FALSE(fill.full());
  fill.Decide(1, false);
  EXPECT_TRUE(fill.full());
  fill.Decide(3, true);  // surplus: it was on its way
  EXPECT_EQ(fill.end(), 3);
}

TEST(BatchFill, WhereAllAreKeptNoneIsSampledAhead) {
  BatchFill fill(5, 40, 1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(fill.Wants(1e-9));
    fill.Add();
  }
  EXPECT_FALSE(fill.Wants(1e-9));
  for (int i = 0; i < 5; ++i) fill.Decide(i, true);
  EXPECT_TRUE(fill.full());
}

TEST(BatchFill, SpentWhereThePromptsDoNotSuffice) {
  BatchFill fill(2, 3, 0.5);
  for (int i = 0; i < 3; ++i) fill.Decide(fill.Add(), i == 1);
  EXPECT_TRUE(fill.spent());
  EXPECT_TRUE(fill.over());
  EXPECT_FALSE(fill.full());
  EXPECT_FALSE(fill.Wants(0));
}

// Whatever is sampled ahead and whoever's verdict comes first: the groups up to the last wanted one.
TEST(BatchFill, TheSameEndInAnyOrder) {
  int64_t surplus = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(RandomKey(19)[seed]);
    const int64_t wanted = random.Int(1, 6), most = 60;
    const double share = random.Uniform(), ahead = random.Uniform();
    std::vector<bool> kept;
    for (int64_t i = 0; i < most; ++i) kept.push_back(random.Uniform() < share);
    int64_t end = 0;
    for (int64_t n = 0; n < wanted && end < most; ++end) n += kept[static_cast<size_t>(end)];
    BatchFill fill(wanted, most, random.Uniform());
    std::vector<int64_t> open;
    int64_t last_end = most;
    while (!fill.over()) {
      if (fill.Wants(ahead)) {
        open.push_back(fill.Add());
      } else {
        ASSERT_FALSE(open.empty());
      }
      if (open.empty() || random.Uniform() < 0.5) continue;
      const auto i = static_cast<size_t>(random.Int(0, std::ssize(open) - 1));
      if (open[i] < fill.end()) {
        fill.Decide(open[i], kept[static_cast<size_t>(open[i])]);
        EXPECT_LE(fill.end(), last_end);
        last_end = fill.end();
      }
      open.erase(open.begin() + static_cast<int64_t>(i));
    }
    const auto right = std::count(kept.begin(), kept.begin() + end, true);
    EXPECT_EQ(fill.full(), right == wanted);
    if (fill.full()) {
      EXPECT_EQ(fill.end(), end);
    }
    surplus += fill.size() - end;
  }
  EXPECT_GT(surplus, 100);
}

}  // namespace
}  // namespace rlvr
