#include "base/random.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

// Known-answer vectors of the authors' Random123 distribution (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(RandomKey, ChildrenDifferAndRepeat) {
  const RandomKey root(7);
  EXPECT_NE(root[0].Bits(0), root[1].Bits(0));
  EXPECT_NE(root[0][1].Bits(0), root[1][0].Bits(0));
  EXPECT_EQ(root[3][4].Bits(5), RandomKey(7)[3][4].Bits(5));
}

TEST(Random, IntCoversItsRangeEvenly) {
  Random random(RandomKey(1));
  int count[6] = {};
  for (int i = 0; i < 60000; ++i) ++count[random.Int(0, 5)];
  for (int c : count) EXPECT_NEAR(c, 10000, 500);  // 5 standard deviations are 456
}

TEST(Random, NormalHasMeanZeroVarianceOne) {
  Random random(RandomKey(2));
  double sum = 0, squares = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 100000, 0, 0.016);  // 5 standard errors
  EXPECT_NEAR(squares / 100000, 1, 0.023);
}

}  // namespace
}  // namespace rlvr
