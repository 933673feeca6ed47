#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace rlvr::internal {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  stream_ << file << ":" << line << ": check failed: " << condition << " ";
}

CheckFailure::~CheckFailure() {
  std::fprintf(stderr,
               "%s\nThis is a bug in rlvr; please report it with the command that led here.\n",
               stream_.str().c_str());
  std::abort();
}

}  // namespace rlvr::internal
