// Starts a program in namespaces of its own: user, mounts, processes, network, IPC and host name,
// with limits of resources and a filter of system calls. The program is the first process of its
// process namespace: when it ends or is killed, the kernel kills whatever it started.
#ifndef RLVR_VERIFY_SANDBOX_LAUNCH_H_
#define RLVR_VERIFY_SANDBOX_LAUNCH_H_
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

struct sock_fprog;

namespace rlvr {

// What the program's file system is made of, in this order. Paths are those inside.
struct LaunchEntry {
  enum class Kind { kFolder, kBind, kDevice, kLink, kText };
  Kind kind;
  std::string path;
  std::string source;    // kBind, kDevice: outside; kLink: what it points to; kText: the content
  bool is_file = false;  // kBind: of a file
};

struct LaunchPlan {
  bool isolated = true;               // false: limits of resources alone
  std::vector<std::string> programs;  // paths to try in turn, as execvp does with PATH
  std::vector<std::string> arguments, environment;
  std::vector<LaunchEntry> entries;  // isolated: under /, which is read-only in the end
  std::string folder;                // working directory; isolated: the only one to write to
  std::vector<LaunchEntry> files;    // kText, written into `folder` before the program starts
  int64_t folder_bytes = 0;          // isolated: of `folder`, a file system in memory
  int in = -1, out = -1, err = -1;
  int64_t cpu_seconds = 0, memory_bytes = 0, file_bytes = 0;
  int64_t num_processes = 0, num_open_files = 0;
  const sock_fprog* filter = nullptr;  // null: none
};

struct LaunchFailure {
  const char* step = nullptr;  // that failed; null: none
  std::string object;
  int error = 0;  // errno
};

// False in a build with the address sanitizer: its own functions run in the new process on memory that
// both share, and take that for an error of the program.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kCanLaunch = false;
#else
inline constexpr bool kCanLaunch = true;
#endif

// The program's process, a child of the calling thread: it is killed when this thread ends. The
// caller reaps it. -1: *failure says why not. Memory is shared with the new process until it is the
// program, so nothing is copied however large this process is.
pid_t Launch(const LaunchPlan& plan, LaunchFailure* failure);

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_LAUNCH_H_
