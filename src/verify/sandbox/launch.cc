#include "verify/sandbox/launch.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace rlvr {
namespace {

constexpr int kNobody = 65534, kInside = 1000;
constexpr size_t kStack = 256 << 10;
constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// Of mount_setattr(2), which older C libraries lack.
struct MountAttributes {
  uint64_t set, clear, propagation, user_ns;
};
constexpr uint64_t kReadOnly = 1, kNoSetUserId = 2, kNoDevices = 4;
constexpr long kMountSetattr = 442, kCloseRange = 436;

// Everything from here to Launch runs in a process that shares this one's memory while other
// threads go on: no allocation, no locks, no exceptions.
struct Launching {
  const LaunchPlan* plan;
  char* const* arguments;
  char* const* environment;
  const char* uid_map;
  const char* gid_map;
  const char* folder_options;
  const char* base;
  std::byte* inner_stack;
  pid_t parent = 0;
  pid_t pid = -1;
  const char* step = nullptr;
  const char* object = nullptr;
  int error = 0;
};

[[noreturn]] void Fail(Launching* l, const char* step, const char* object) {
  l->error = errno;
  l->object = object;
  l->step = step;
  _exit(127);
}

void WriteAll(Launching* l, int fd, const char* path, const char* text, size_t size,
              const char* step) {
  if (fd < 0) Fail(l, step, path);
  while (size > 0) {
    const ssize_t n = write(fd, text, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) Fail(l, step, path);
    text += n;
    size -= static_cast<size_t>(n);
  }
  close(fd);
}

void WriteText(Launching* l, const char* path, const char* text, size_t size, const char* step) {
  WriteAll(l, open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644), path, text, size,
           step);
}

// /proc/self is this user's while the memory is marked dumpable. A change of user takes the mark away,
// and another thread's launch may change its user at any moment: then the mark is set again.
void WriteOwn(Launching* l, const char* path, const char* text, size_t size, const char* step) {
  constexpr int kTries = 10000;  // a thread is between its change and its mark for a microsecond
  int fd = -1;
  for (int i = 0; i < kTries && fd < 0; ++i) {
    prctl(PR_SET_DUMPABLE, 1);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno != EACCES) break;
  }
  WriteAll(l, fd, path, text, size, step);
}

void SetAttributes(Launching* l, const char* path, uint64_t set, bool recursive) {
  const MountAttributes attributes = {.set = set};
  if (syscall(kMountSetattr, AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, &attributes,
              sizeof(attributes)) != 0)
    Fail(l, "make a mount read-only", path);
}

void MakeEntry(Launching* l, const LaunchEntry& e) {
  const char* path = e.path.c_str();
  using Kind = LaunchEntry::Kind;
  if (e.kind == Kind::kFolder) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) Fail(l, "make a folder", path);
    return;
  }
  if (e.kind == Kind::kLink) {
    if (symlink(e.source.c_str(), path) != 0) Fail(l, "make a link", path);
    return;
  }
  if (e.kind == Kind::kText) {
    WriteText(l, path, e.source.data(), e.source.size(), "write a file");
    return;
  }
  if (e.kind == Kind::kBind && !e.is_file) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) Fail(l, "make a folder", path);
  } else {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno != EROFS) Fail(l, "make a file", path);
    if (fd >= 0) close(fd);
  }
  if (mount(e.source.c_str(), path, nullptr, MS_BIND | (e.is_file ? 0 : MS_REC), nullptr) != 0)
    Fail(l, "show a folder", e.source.c_str());
  SetAttributes(l, path, kReadOnly | kNoSetUserId | (e.kind == Kind::kBind ? kNoDevices : 0), true);
}

void MapIdentities(Launching* l) {
  WriteOwn(l, "/proc/self/setgroups", "deny", 4, "set the groups of a user namespace");
  WriteOwn(l, "/proc/self/uid_map", l->uid_map, strlen(l->uid_map),
           "set the user of a user namespace");
  WriteOwn(l, "/proc/self/gid_map", l->gid_map, strlen(l->gid_map),
           "set the group of a user namespace");
}

// A file system in memory becomes the root; what is outside is seen at /.outside until it goes.
void MakeFileSystem(Launching* l) {
  const LaunchPlan& plan = *l->plan;
  const auto must = [&](long result, const char* step, const char* object) {
    if (result != 0) Fail(l, step, object);
  };
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "part the mounts", "/");
  must(mount("tmpfs", l->base, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=256,mode=755"),
       "mount a file system in memory", l->base);
  must(chdir(l->base), "enter", l->base);
  must(mkdir(".outside", 0700), "make a folder", ".outside");
  must(syscall(SYS_pivot_root, ".", ".outside"), "change the root", l->base);
  must(chdir("/"), "enter", "/");
  for (const LaunchEntry& entry : plan.entries) MakeEntry(l, entry);
  must(mkdir("/proc", 0555), "make a folder", "/proc");
  // Where this process itself stands in a container the kernel may refuse; most programs do
  // without.
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0)
    SetAttributes(l, "/proc", kReadOnly, false);
  must(mkdir(plan.folder.c_str(), 0755), "make a folder", plan.folder.c_str());
  must(mount("tmpfs", plan.folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, l->folder_options),
       "mount a file system in memory", plan.folder.c_str());
  must(umount2("/.outside", MNT_DETACH), "leave the old root", "/");
  must(rmdir("/.outside"), "remove a folder", "/.outside");
  SetAttributes(l, "/", kReadOnly, false);
}

void SetLimit(Launching* l, int resource, int64_t value, const char* name) {
  const auto limit = static_cast<rlim_t>(value);
  const rlimit both = {limit, limit};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &both) != 0)
    Fail(l, "set the limit of", name);
}

void SetLimits(Launching* l) {
  const LaunchPlan& plan = *l->plan;
  SetLimit(l, RLIMIT_CORE, 0, "core files");
  SetLimit(l, RLIMIT_CPU, plan.cpu_seconds, "CPU time");
  SetLimit(l, RLIMIT_AS, plan.memory_bytes, "memory");
  SetLimit(l, RLIMIT_FSIZE, plan.file_bytes, "files");
  SetLimit(l, RLIMIT_NOFILE, plan.num_open_files, "open files");
  SetLimit(l, RLIMIT_MEMLOCK, 0, "locked memory");
  SetLimit(l, RLIMIT_MSGQUEUE, 0, "message queues");
  // Without a user namespace it would count the user's other processes too.
  if (plan.isolated) SetLimit(l, RLIMIT_NPROC, plan.num_processes, "processes");
}

// Becomes the program.
int Inner(void* data) {
  auto* l = static_cast<Launching*>(data);
  const LaunchPlan& plan = *l->plan;
  if (plan.isolated) {
    MapIdentities(l);
    MakeFileSystem(l);
    [[maybe_unused]] const int named = sethostname("sandbox", 7);
  }
  if (chdir(plan.folder.c_str()) != 0) Fail(l, "enter", plan.folder.c_str());
  for (const LaunchEntry& file : plan.files) MakeEntry(l, file);
  setsid();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(l, "tie the program to", "this process");
  // Above 2 already, so that none is overwritten before it is copied (Launch sees to that).
  if (dup2(plan.in, 0) < 0 || dup2(plan.out, 1) < 0 || dup2(plan.err, 2) < 0)
    Fail(l, "connect", "stdin, stdout and stderr");
  syscall(kCloseRange, 3u, ~0u, 0u);
  SetLimits(l);
  struct sigaction normal {};
  normal.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) sigaction(s, &normal, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(l, "give up", "new privileges");
  if (plan.filter != nullptr && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, plan.filter) != 0)
    Fail(l, "filter", "system calls");
  int error = ENOENT;
  for (const std::string& program : plan.programs) {
    execve(program.c_str(), l->arguments, l->environment);
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  errno = error;
  Fail(l, "start", plan.arguments[0].c_str());
}

// Root first becomes nobody: for root the kernel counts no processes, and a stray path would lead
// to root's files. The program's process is a child of the thread that waits, not of this one.
int Outer(void* data) {
  auto* l = static_cast<Launching*>(data);
  if (l->plan->isolated && geteuid() == 0) {
    syscall(SYS_setgroups, 0, nullptr);
    if (syscall(SYS_setresgid, kNobody, kNobody, kNobody) == 0)
      syscall(SYS_setresuid, kNobody, kNobody, kNobody);
    // The change of user took this from the shared memory (see WriteOwn).
    prctl(PR_SET_DUMPABLE, 1);
  }
  std::array<char, 64> uid_map{}, gid_map{};
  const auto write_map = [](std::array<char, 64>* map, unsigned id) {
    // "1000 <id> 1" without stdio, which takes locks.
    std::array<char, 16> digits{};
    size_t n = 0;
    do {
      digits[n++] = static_cast<char>('0' + id % 10);
      id /= 10;
    } while (id > 0);
    size_t at = 0;
    for (const char c : {'1', '0', '0', '0', ' '}) (*map)[at++] = c;
    while (n > 0) (*map)[at++] = digits[--n];
    for (const char c : {' ', '1', '\n'}) (*map)[at++] = c;
  };
  static_assert(kInside == 1000);
  write_map(&uid_map, static_cast<unsigned>(syscall(SYS_geteuid)));
  write_map(&gid_map, static_cast<unsigned>(syscall(SYS_getegid)));
  l->uid_map = uid_map.data();
  l->gid_map = gid_map.data();
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD;
  const int pid =
      clone(Inner, l->inner_stack + kStack, flags | (l->plan->isolated ? kNamespaces : 0), l);
  if (pid < 0) {
    Fail(l, l->plan->isolated ? "make" : "start", l->plan->isolated ? "namespaces" : "a process");
  }
  l->pid = pid;
  _exit(0);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

pid_t Launch(const LaunchPlan& plan, LaunchFailure* failure) {
  const std::vector<char*> arguments = Pointers(plan.arguments),
                           environment = Pointers(plan.environment);
  const std::string options = "mode=755,nr_inodes=4096,size=" + std::to_string(plan.folder_bytes);
  void* stacks = mmap(nullptr, 2 * kStack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stacks == MAP_FAILED) {
    *failure = {"allocate", "a stack", errno};
    return -1;
  }
  Launching l{.plan = &plan,
              .arguments = arguments.data(),
              .environment = environment.data(),
              .folder_options = options.c_str(),
              .base = access("/tmp", F_OK) == 0 ? "/tmp" : "/mnt",
              .inner_stack = static_cast<std::byte*>(stacks)};
  // A handler that ran in the new process would run on this one's memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const pid_t outer = clone(Outer, static_cast<std::byte*>(stacks) + 2 * kStack,
                            CLONE_VM | CLONE_VFORK | SIGCHLD, &l);
  const int error = errno;
  if (outer > 0) {
    while (waitpid(outer, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  munmap(stacks, 2 * kStack);
  if (outer < 0) {
    *failure = {"start", "a process", error};
    return -1;
  }
  if (l.step != nullptr) {
    *failure = {l.step, l.object == nullptr ? "" : l.object, l.error};
    if (l.pid > 0) {
      while (waitpid(l.pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    return -1;
  }
  return l.pid;
}

}  // namespace rlvr
