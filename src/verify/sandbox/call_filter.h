// The filter of system calls that programs in the sandbox run under.
#ifndef RLVR_VERIFY_SANDBOX_CALL_FILTER_H_
#define RLVR_VERIFY_SANDBOX_CALL_FILTER_H_

struct sock_fprog;

namespace rlvr {

// Denied (with EPERM): sockets but of AF_UNIX, tracing other processes, namespaces and mounts, memory
// that no limit counts (memfd, System V), kernel keys, modules, BPF, io_uring, userfaultfd, clocks.
// Calls of a foreign architecture kill the program. Made once; throws Error where libseccomp cannot.
const sock_fprog* CallFilter();

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_CALL_FILTER_H_
