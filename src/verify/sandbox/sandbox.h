// Runs programs that nobody trusts: no network, no file system but a private one in memory, bounded
// time, memory, processes and output, and nothing left when they end. docs/sandbox.md.
#ifndef RLVR_VERIFY_SANDBOX_SANDBOX_H_
#define RLVR_VERIFY_SANDBOX_SANDBOX_H_
#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "verify/sandbox/launch.h"

namespace rlvr {

struct SandboxSettings {                 // reward.sandbox
  std::string isolation = "namespaces";  // or none: limits of time and output only, with a warning
  std::vector<std::string> command = {"python3", "{program}"};
  std::string file = "program.py";     // {program}: where the response's code is written
  double timeout = 10;                 // seconds of one run
  int64_t memory = 1024;               // MiB of all its processes together
  int64_t processes = 64;              // and threads, at once
  int64_t output = 1024;               // KiB of stdout and stderr
  int64_t disk = 64;                   // MiB of its folder
  std::vector<std::string> read_only;  // further files and folders that it sees
  int parallel = 0;                    // programs at once; 0: one per core
  std::string score = "all";           // of tests: all or nothing; or share
  double tolerance = 1e-9;             // relative, of numbers in what is printed

  template <class Visitor>
  void Params(Visitor& p) {
    p("isolation", isolation, std::vector<std::string>{"namespaces", "none"});
    p("command", command);
    p("file", file);
    p("timeout", timeout, 0.01, 3600.0);
    p("memory", memory, int64_t{16}, int64_t{1} << 30);
    p("processes", processes, int64_t{1}, int64_t{1} << 20);
    p("output", output, int64_t{1}, int64_t{1} << 20);
    p("disk", disk, int64_t{1}, int64_t{1} << 20);
    p("read_only", read_only);
    p("parallel", parallel, 0, 4096);
    p("score", score, std::vector<std::string>{"all", "share"});
    p("tolerance", tolerance, 0.0, 1.0);
  }
};

enum class RunEnd : uint8_t {
  kExited,    // by itself, with `status`
  kSignal,    // by the signal `status`
  kTimedOut,  // wall or CPU time
  kMemory,
  kOutput,
};

struct ProgramResult {
  RunEnd end = RunEnd::kExited;
  int status = 0;
  std::string out, err;  // as much as the limit lets through
  double seconds = 0;
};
std::string Describe(
    const ProgramResult& result);  // "exited with status 1: ZeroDivisionError: ..."

class Sandbox {
 public:
  // Runs a program that does nothing: where the machine forbids namespaces this throws an Error that
  // says what to do about it, and nothing is ever run without them unless isolation is none.
  explicit Sandbox(SandboxSettings settings);

  // The settings' command on `code`, with further files beside it (name, content). Thread-safe; waits
  // while too many run already. Throws Error if the program cannot be started.
  ProgramResult Run(std::string_view code, std::string_view input,
                    const std::vector<std::pair<std::string, std::string>>& files = {}) const;
  const SandboxSettings& settings() const { return settings_; }

 private:
  ProgramResult RunPlan(LaunchPlan plan, std::string_view input) const;

  const SandboxSettings settings_;
  LaunchPlan plan_;  // what all runs share
  mutable std::mutex mutex_;
  mutable std::condition_variable freed_;
  mutable int running_ = 0;
};

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_SANDBOX_H_
