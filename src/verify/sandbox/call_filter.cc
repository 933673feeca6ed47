#include "verify/sandbox/call_filter.h"

#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"

namespace rlvr {
namespace {

constexpr const char* kDenied[] = {
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "memfd_create",
    "memfd_secret",
    "migrate_pages",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "mq_open",
    "msgget",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "semget",
    "set_mempolicy",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "shmget",
    "swapoff",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
};

std::vector<sock_filter> MakeCallFilter() {
  const auto check = [](int result, const char* what) {
    if (result < 0)
      throw Error(
          "sandbox",
          std::string("cannot filter system calls: ") + what + ": " + std::strerror(-result),
          "install libseccomp 2.5 or newer");
  };
  const std::unique_ptr<void, decltype(&seccomp_release)> owned(seccomp_init(SCMP_ACT_ALLOW),
                                                                &seccomp_release);
  if (owned == nullptr) check(-ENOMEM, "seccomp_init");
  const scmp_filter_ctx filter = owned.get();
  const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
  for (const char* name : kDenied) {
    const int number = seccomp_syscall_resolve_name(name);
    // Unknown to this version, or a call that this architecture lacks.
    if (number == __NR_SCMP_ERROR || number < 0) continue;
    check(seccomp_rule_add(filter, deny, number, 0), name);
  }
  // Flags of clone3 lie in memory, where a filter cannot read them; C libraries fall back to clone.
  check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0), "clone3");
  for (const uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
                              CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    check(
        seccomp_rule_add(filter, deny, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag)),
        "clone");
  }
  check(seccomp_rule_add(filter, deny, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX)),
        "socket");
  check(seccomp_rule_add(filter, deny, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX)),
        "socketpair");
  check(seccomp_rule_add(filter, deny, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI)),
        "ioctl");
  const int file = memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) check(-errno, "memfd_create");
  const int exported = seccomp_export_bpf(filter, file);
  const off_t size = lseek(file, 0, SEEK_END);
  std::vector<sock_filter> code(static_cast<size_t>(size) / sizeof(sock_filter));
  const ssize_t got = pread(file, code.data(), code.size() * sizeof(sock_filter), 0);
  close(file);
  check(exported, "seccomp_export_bpf");
  if (got != size) check(-EIO, "read");
  return code;
}

}  // namespace

const sock_fprog* CallFilter() {
  static std::vector<sock_filter> code = MakeCallFilter();
  static const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  return &program;
}

}  // namespace rlvr
