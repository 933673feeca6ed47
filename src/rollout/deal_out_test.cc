#include "rollout/deal_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace rlvr {
namespace {

std::vector<size_t> Deal(std::vector<int64_t> sizes, int64_t hands) {
  std::vector<size_t> order = {5, 5, 5};  // of an earlier pass
  DealOut(sizes, hands, &order);
  return order;
}

TEST(DealOut, LargestFirstToWhoHasLeast) {
  // 9 | 5 4 | then 3 to either (9 and 9): the first; 1 to the second (12 and 9).
  EXPECT_EQ(Deal({1, 9, 3, 5, 4}, 2), (std::vector<size_t>{1, 2, 0, 3, 4}));
}

TEST(DealOut, InOrderWhereThereIsNothingToEven) {
  EXPECT_EQ(Deal({3, 3, 3, 3}, 2), (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(Deal({1, 9, 3}, 1), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(Deal({}, 2), (std::vector<size_t>{}));
}

// Longest first ends within 4/3 of the best possible (Graham 1969), and never more than one size
// from even.
TEST(DealOut, SomeCutIsEven) {
  Random random(RandomKey(7));
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<int64_t> sizes(2 + static_cast<size_t>(20 * random.Uniform()));
    for (int64_t& size : sizes) size = 1 + static_cast<int64_t>(9 * random.Uniform());
    const std::vector<size_t> order = Deal(sizes, 2);
    std::vector<size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    std::vector<size_t> all(sizes.size());
    std::iota(all.begin(), all.end(), size_t{0});
    ASSERT_EQ(sorted, all);
    const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
    int64_t before = 0, uneven = sum;
    for (const size_t i : order) {
      before += sizes[i];
      uneven = std::min(uneven, std::abs(sum - 2 * before));
    }
    EXPECT_LE(uneven, *std::max_element(sizes.begin(), sizes.end()));
  }
}

}  // namespace
}  // namespace rlvr
