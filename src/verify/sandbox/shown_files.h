// What a program in the sandbox sees of this machine.
#ifndef RLVR_VERIFY_SANDBOX_SHOWN_FILES_H_
#define RLVR_VERIFY_SANDBOX_SHOWN_FILES_H_
#include <string>
#include <vector>

#include "verify/sandbox/launch.h"

namespace rlvr {

inline constexpr const char* kSandboxFolder = "/box";  // the program's, inside

// /usr and its like, a few devices and files of /etc, and read_only: absolute paths. Throws Error where
// one of those does not exist.
std::vector<LaunchEntry> SandboxFileSystem(const std::vector<std::string>& read_only);

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_SHOWN_FILES_H_
