#include "train/judge_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/error.h"

namespace rlvr {
namespace {

using std::chrono::milliseconds;

std::vector<JudgeThread::Judged> TakeOne(JudgeThread* judges) {
  for (;;) {
    auto judged = judges->Take();
    if (!judged.empty()) return judged;
    judges->Wait(milliseconds(100));
  }
}

TEST(JudgeThread, TheSmallestNumberFirstAndCancelledOnesNever) {
  JudgeThread judges;
  std::promise<void> at_hand, begin;
  std::vector<int> order;  // of the judge's thread, until all are taken
  judges.Add(9, [&] {
    at_hand.set_value();
    begin.get_future().wait();
    order.push_back(9);
  });
  at_hand.get_future().wait();
  judges.Cancel(9);  // too late
  for (const int g : {5, 3, 8, 4}) judges.Add(g, [&order, g] { order.push_back(g); });
  judges.Cancel(8);
  begin.set_value();
  size_t done = 0;
  while (done < 4) done += TakeOne(&judges).size();
  EXPECT_EQ(order, (std::vector<int>{9, 3, 4, 5}));
}

TEST(JudgeThread, WhatIsThrownComesBackWithItsGroup) {
  JudgeThread judges;
  judges.Add(2, [] { throw Error("verifier", "is tired", "let it sleep"); });
  const auto judged = TakeOne(&judges);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_EQ(judged[0].group, 2);
  EXPECT_THROW(std::rethrow_exception(judged[0].error), Error);
  judges.Add(3, [] {});
  EXPECT_FALSE(TakeOne(&judges)[0].error);  // it lives on
}

TEST(JudgeThread, EndsWithTheGroupAtHand) {
  std::atomic<int> judged = 0;
  std::promise<void> at_hand;
  {
    JudgeThread judges;
    judges.Add(0, [&] {
      at_hand.set_value();
      std::this_thread::sleep_for(milliseconds(20));
      ++judged;
    });
    at_hand.get_future().wait();
    for (int g = 1; g < 50; ++g) {
      judges.Add(g, [&] {
        std::this_thread::sleep_for(milliseconds(20));
        ++judged;
      });
    }
    EXPECT_TRUE(judges.Take().empty());
  }
  EXPECT_EQ(judged, 1);
}

}  // namespace
}  // namespace rlvr
