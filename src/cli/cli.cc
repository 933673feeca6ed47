#include "cli/cli.h"

#include <cstdio>

namespace rlvr {
int RunCommandLine(int, char**) {
  std::fprintf(stderr, "rlvr: no commands yet\n");
  return 2;
}
}  // namespace rlvr
