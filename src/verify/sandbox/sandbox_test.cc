#include "verify/sandbox/sandbox.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rlvr {
namespace {

TEST(Sandbox, Runs) {
  const Sandbox sandbox({});
  const RunResult r = sandbox.Run(
      "import os\nprint(int(input()) * 2, os.getpid(), os.getuid(), os.getcwd())", "21\n");
  EXPECT_EQ(r.out, "42 1 1000 /box\n") << r.err;
}

}  // namespace
}  // namespace rlvr
