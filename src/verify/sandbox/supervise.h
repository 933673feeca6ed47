// Watches over a running program: reads what it prints, and ends it where it exceeds a limit.
#ifndef RLVR_VERIFY_SANDBOX_SUPERVISE_H_
#define RLVR_VERIFY_SANDBOX_SUPERVISE_H_
#include <sys/types.h>

#include <cstdint>

#include "verify/sandbox/sandbox.h"

namespace rlvr {

struct RunLimits {
  double seconds = 0, cpu_seconds = 0;
  int64_t memory_bytes = 0, output_bytes = 0;
  bool group = false;  // kill the process group, not only the process
};

// Until the program has ended and is reaped. out, err: our ends of its pipes, which do not block.
ProgramResult Supervise(pid_t pid, int out, int err, const RunLimits& limits);

// Resident bytes of a process and all that descend from it. Pages that several share count for each of
// them, or where exact for each its part (which is slow to find out).
int64_t MemoryOf(pid_t pid, bool exact);

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_SUPERVISE_H_
