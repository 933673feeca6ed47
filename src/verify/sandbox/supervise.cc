#include "verify/sandbox/supervise.h"

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace rlvr {
namespace {

constexpr double kWatchEvery = 0.02;  // seconds between looks at the memory
constexpr int kMostProcesses = 4096;  // that one look adds up

std::string ReadWhole(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text;
  if (file == nullptr) return text;
  std::array<char, 4096> bytes;
  while (const size_t n = std::fread(bytes.data(), 1, bytes.size(), file.get()))
    text.append(bytes.data(), n);
  return text;
}

// Takes what the pipe holds. False: it has been closed, or the output is too long.
bool TakeOutput(int fd, std::string* text, int64_t* left) {
  std::array<char, 65536> bytes;
  while (*left > 0) {
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return true;  // nothing there now
    if (n == 0) return false;
    text->append(bytes.data(), static_cast<size_t>(std::min<int64_t>(n, *left)));
    *left -= n;
  }
  return false;
}

}  // namespace

int64_t MemoryOf(pid_t pid, bool exact) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  std::vector<pid_t> waiting = {pid};
  int64_t total = 0;
  for (int seen = 0; !waiting.empty() && seen < kMostProcesses; ++seen) {
    const std::string folder = fmt::format("/proc/{}", waiting.back());
    waiting.pop_back();
    const std::string parts = exact ? ReadWhole(folder + "/smaps_rollup") : "";
    const size_t share = parts.find("\nPss:");
    if (share != std::string::npos) {
      total += std::atoll(parts.c_str() + share + 5) << 10;
    } else {
      const std::string sizes = ReadWhole(folder + "/statm");  // total resident shared ...
      const size_t second = sizes.find(' ');
      if (second != std::string::npos) total += std::atoll(sizes.c_str() + second) * page;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> threads(opendir((folder + "/task").c_str()),
                                                      &closedir);
    while (const dirent* thread = threads == nullptr ? nullptr : readdir(threads.get())) {
      if (thread->d_name[0] == '.') continue;
      const std::string children =
          ReadWhole(folder + "/task/" + std::string(thread->d_name) + "/children");
      for (const char* at = children.c_str(); *at != '\0';) {
        char* end = nullptr;
        const long child = std::strtol(at, &end, 10);
        if (end == at) break;
        waiting.push_back(static_cast<pid_t>(child));
        at = end;
      }
    }
  }
  return total;
}

ProgramResult Supervise(pid_t pid, int out, int err, const RunLimits& limits) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  ProgramResult result;
  int64_t left = limits.output_bytes + 1;
  bool killed = false;
  const auto end_it = [&](RunEnd why) {
    if (killed) return;
    killed = true;
    result.end = why;
    kill(limits.group ? -pid : pid, SIGKILL);
  };
  // Kernels before 5.3 lack it; then the loop looks every few milliseconds.
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  int status = 0;
  rusage usage{};
  double next_look = kWatchEvery;
  bool ended = false;
  while (!ended) {
    std::array<pollfd, 3> fds = {{{out, POLLIN, 0}, {err, POLLIN, 0}, {handle, POLLIN, 0}}};
    const double until = killed ? 0.05 : std::min(limits.seconds, next_look) - elapsed();
    const int wait = static_cast<int>(std::clamp(until, 0.0, handle < 0 ? 0.005 : 1.0) * 1000) + 1;
    poll(fds.data(), fds.size(), wait);
    if (!killed) {
      if (out >= 0 && fds[0].revents != 0 && !TakeOutput(out, &result.out, &left)) out = -1;
      if (err >= 0 && fds[1].revents != 0 && !TakeOutput(err, &result.err, &left)) err = -1;
      if (left <= 0) end_it(RunEnd::kOutput);
      if (elapsed() >= limits.seconds) end_it(RunEnd::kTimedOut);
      if (elapsed() >= next_look) {
        if (MemoryOf(pid, false) > limits.memory_bytes && MemoryOf(pid, true) > limits.memory_bytes)
          end_it(RunEnd::kMemory);
        next_look = elapsed() + kWatchEvery;
      }
    }
    const pid_t got = wait4(pid, &status, WNOHANG, &usage);
    ended = got == pid || (got < 0 && errno != EINTR);
  }
  if (handle >= 0) close(handle);
  if (limits.group) kill(-pid, SIGKILL);  // whoever stayed behind
  result.seconds = elapsed();
  if (killed) return result;
  if (out >= 0) TakeOutput(out, &result.out, &left);
  if (err >= 0) TakeOutput(err, &result.err, &left);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  if (left <= 0) {
    result.end = RunEnd::kOutput;
  } else if (WIFSIGNALED(status)) {
    result.end = RunEnd::kSignal;
    result.status = WTERMSIG(status);
    const bool by_kernel = result.status == SIGKILL || result.status == SIGXCPU;
    if (by_kernel && seconds(usage.ru_utime) + seconds(usage.ru_stime) >= limits.cpu_seconds * 0.99)
      result.end = RunEnd::kTimedOut;
  } else {
    result.status = WEXITSTATUS(status);
  }
  return result;
}

}  // namespace rlvr
