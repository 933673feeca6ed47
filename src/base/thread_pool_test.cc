#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace rlvr {
namespace {

TEST(ParallelFor, CoversEveryIndexOnce) {
  for (int threads : {1, 2, 3, 5}) {
    SetNumThreads(threads);
    for (int64_t n : {0, 1, 2, 7, 64, 1000}) {
      for (int64_t grain : {1, 3, 64}) {
        std::vector<int> seen(n);
        ParallelFor(n, grain, [&](int64_t b, int64_t e) {
          for (int64_t i = b; i < e; ++i) ++seen[i];
        });
        for (int s : seen) ASSERT_EQ(s, 1) << threads << " " << n << " " << grain;
      }
    }
  }
  SetNumThreads(0);
}

TEST(ParallelFor, NestedCallsRunInPlace) {
  SetNumThreads(2);
  std::vector<int> seen(64);
  ParallelFor(8, 1, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i)
      ParallelFor(8, 1, [&](int64_t c, int64_t d) {
        for (int64_t j = c; j < d; ++j) ++seen[i * 8 + j];
      });
  });
  for (int s : seen) EXPECT_EQ(s, 1);
  SetNumThreads(0);
}

TEST(ParallelFor, RethrowsFromAnyThread) {
  SetNumThreads(2);
  EXPECT_THROW(ParallelFor(2, 1,
                           [](int64_t b, int64_t) {
                             if (b == 1) throw std::runtime_error("x");
                           }),
               std::runtime_error);
  int ran = 0;
  ParallelFor(1, 1, [&](int64_t, int64_t) { ++ran; });
  EXPECT_EQ(ran, 1);
  SetNumThreads(0);
}

}  // namespace
}  // namespace rlvr
