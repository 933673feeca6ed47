#include "verify/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/error.h"
#include "verify/sandbox/call_filter.h"
#include "verify/sandbox/shown_files.h"
#include "verify/sandbox/supervise.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;
using Kind = LaunchEntry::Kind;

constexpr const char* kFolder = kSandboxFolder;
constexpr int64_t kOpenFiles = 128;

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Reset(int fd) {
    Close();
    fd_ = fd;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

[[noreturn]] void NoDescriptor(const char* what) {
  throw Error("sandbox", fmt::format("cannot make {}: {}", what, std::strerror(errno)),
              "raise the limit of open files (ulimit -n)");
}

// Above 2, where the program's own will be.
void MoveUp(Descriptor* d) {
  if (d->get() > 2) return;
  const int fd = fcntl(d->get(), F_DUPFD_CLOEXEC, 3);
  if (fd < 0) NoDescriptor("a descriptor");
  d->Reset(fd);
}

void MakePipe(Descriptor* read_end, Descriptor* write_end) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) NoDescriptor("a pipe");
  read_end->Reset(ends[0]);
  write_end->Reset(ends[1]);
  MoveUp(read_end);
  MoveUp(write_end);
  fcntl(read_end->get(), F_SETFL, O_NONBLOCK);
}

// The program's stdin: a sealed file, so that nobody waits for it to be read.
void MakeInput(std::string_view input, Descriptor* file) {
  file->Reset(memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file->get() < 0) NoDescriptor("a file in memory");
  MoveUp(file);
  for (size_t at = 0; at < input.size();) {
    const ssize_t n = write(file->get(), input.data() + at, input.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) NoDescriptor("a program's input");
    at += static_cast<size_t>(n);
  }
  lseek(file->get(), 0, SEEK_SET);
  fcntl(file->get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

// As a shell would look for it, with the PATH that it gets.
std::vector<std::string> Programs(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name};
  return {"/usr/local/bin/" + name, "/usr/bin/" + name, "/bin/" + name};
}

void SetCommand(const SandboxSettings& settings, const std::string& folder, LaunchPlan* plan) {
  plan->folder = folder;
  plan->arguments = settings.command;
  for (std::string& argument : plan->arguments) {
    const std::string mark = "{program}";
    for (size_t at; (at = argument.find(mark)) != std::string::npos;)
      argument.replace(at, mark.size(), folder + "/" + settings.file);
  }
  plan->programs = Programs(plan->arguments[0]);
  plan->environment = {"PATH=/usr/local/bin:/usr/bin:/bin",
                       "HOME=" + folder,
                       "TMPDIR=" + folder,
                       "LANG=C.UTF-8",
                       "PYTHONHASHSEED=0",  // the same verdict every time
                       "PYTHONDONTWRITEBYTECODE=1",
                       "OMP_NUM_THREADS=1",
                       "OPENBLAS_NUM_THREADS=1"};
}

[[noreturn]] void CannotLaunch(const LaunchFailure& failure) {
  const std::string what =
      fmt::format("cannot {} {}: {}", failure.step, failure.object, std::strerror(failure.error));
  if (std::string_view(failure.step) == "start")
    throw Error("sandbox.command", what, "name a program that is installed below /usr");
  const std::string_view step = failure.step;
  if (step == "show a folder" || step == "make a folder" || step == "make a file")
    throw Error("sandbox.read_only", what,
                "all users must be able to reach what the sandbox shows (root's are nobody's)");
  throw Error(
      "sandbox", what,
      "the machine must let users make namespaces: sysctl kernel.unprivileged_userns_clone=1 "
      "(Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces "
      "above 0; containers: podman run --security-opt seccomp=unconfined --security-opt "
      "unmask=ALL, docker the same with systempaths=unconfined; or sandbox.isolation: none if you "
      "trust the programs");
}

// A temporary folder of this machine that goes with its object.
struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    path = (fs::temp_directory_path() / "rlvr_XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) NoDescriptor("a temporary folder");
  }
  ~TemporaryFolder() {
    std::error_code code;
    fs::remove_all(path, code);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

}  // namespace

std::string Describe(const ProgramResult& result) {
  std::string last = result.err;
  while (!last.empty() && last.back() == '\n') last.pop_back();
  last = last.substr(last.rfind('\n') + 1).substr(0, 200);
  switch (result.end) {
    case RunEnd::kExited:
      return fmt::format("exited with status {}{}{}", result.status, last.empty() ? "" : ": ",
                         last);
    case RunEnd::kSignal:
      return fmt::format("was killed by signal {}", result.status);
    case RunEnd::kTimedOut:
      return fmt::format("took more than its time ({:.1f} s)", result.seconds);
    case RunEnd::kMemory:
      return "took more than its memory";
    case RunEnd::kOutput:
      return "printed more than it may";
  }
  return "";
}

Sandbox::Sandbox(SandboxSettings settings) : settings_(std::move(settings)) {
  if (settings_.command.empty())
    throw Error("sandbox.command", "is empty", "write a list: [python3, \"{program}\"]");
  if (settings_.file.empty() || settings_.file.find('/') != std::string::npos)
    throw Error("sandbox.file", "'" + settings_.file + "' is no name of a file",
                "write file: program.py");
  plan_.isolated = settings_.isolation != "none";
  plan_.folder_bytes = settings_.disk << 20;
  plan_.file_bytes = settings_.disk << 20;
  plan_.cpu_seconds = static_cast<int64_t>(std::ceil(settings_.timeout)) + 1;
  plan_.memory_bytes = settings_.memory << 20;
  plan_.num_processes = settings_.processes;
  plan_.num_open_files = kOpenFiles;
  if (!plan_.isolated) {
    std::fprintf(
        stderr,
        "rlvr: warning: sandbox.isolation is none: the policy's programs run as you, with your "
        "files and network\n");
    return;
  }
  plan_.filter = CallFilter();
  plan_.entries = SandboxFileSystem(settings_.read_only);
  LaunchPlan probe = plan_;
  probe.arguments = {"true"};
  probe.programs = Programs("true");
  probe.folder = kFolder;
  RunPlan(std::move(probe), "");
}

ProgramResult Sandbox::Run(std::string_view code, std::string_view input,
                           const std::vector<std::pair<std::string, std::string>>& files) const {
  LaunchPlan plan = plan_;
  std::unique_ptr<TemporaryFolder> temporary;
  if (!plan.isolated) temporary = std::make_unique<TemporaryFolder>();
  SetCommand(settings_, plan.isolated ? kFolder : temporary->path, &plan);
  plan.files.push_back({Kind::kText, settings_.file, std::string(code)});
  for (const auto& [name, text] : files) plan.files.push_back({Kind::kText, name, text});

  const int most = settings_.parallel > 0
                       ? settings_.parallel
                       : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return running_ < most; });
  ++running_;
  lock.unlock();
  struct Freeing {
    const Sandbox* sandbox;
    ~Freeing() {
      const std::lock_guard held(sandbox->mutex_);
      --sandbox->running_;
      sandbox->freed_.notify_one();
    }
  } freeing{this};
  return RunPlan(std::move(plan), input);
}

ProgramResult Sandbox::RunPlan(LaunchPlan plan, std::string_view input) const {
  Descriptor in, out, err, out_end, err_end;
  MakeInput(input, &in);
  MakePipe(&out, &out_end);
  MakePipe(&err, &err_end);
  plan.in = in.get();
  plan.out = out_end.get();
  plan.err = err_end.get();
  LaunchFailure failure;
  if (!kCanLaunch)
    throw Error("sandbox", "this build has the address sanitizer and starts no programs",
                "use a build without it");
  const pid_t pid = Launch(plan, &failure);
  if (pid < 0) CannotLaunch(failure);
  in.Close();
  out_end.Close();
  err_end.Close();
  return Supervise(pid, out.get(), err.get(),
                   {.seconds = settings_.timeout,
                    .cpu_seconds = static_cast<double>(plan.cpu_seconds),
                    .memory_bytes = plan.memory_bytes,
                    .output_bytes = settings_.output << 10,
                    .group = !plan.isolated});
}

}  // namespace rlvr
