#include "base/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

namespace rlvr {
namespace {

// Signals are the process's: each case in a process of its own.
TEST(InterruptDeathTest, AskedTwiceAtOnceIsAskedOnce) {
  EXPECT_EXIT(
      {
        HandleInterrupts();
        if (InterruptRequested()) _exit(1);
        for (int sent : {SIGINT, SIGINT, SIGTERM}) raise(sent);
        _exit(InterruptRequested() ? 0 : 2);
      },
      testing::ExitedWithCode(0), "");
}

TEST(InterruptDeathTest, TheSecondEndsTheProcess) {
  EXPECT_EXIT(
      {
        HandleInterrupts();
        raise(SIGINT);
        usleep(static_cast<useconds_t>(1e6 * kSameInterruptSeconds) + 1000);
        raise(SIGTERM);
        _exit(3);
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace rlvr
