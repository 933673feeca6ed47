#include "train/comparison_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/progress.h"

namespace rlvr {
namespace {

std::string LogPath(const ComparedRun& run) { return run.folder + ".log"; }

// "dapo/seed_1"
std::string ShortName(const ComparedRun& run) {
  return fmt::format("{}/seed_{}", run.label, run.seed);
}

// What the process said last.
std::string LastLine(const std::string& path) {
  std::string text = ReadFile(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string line = text.substr(text.rfind('\n') + 1);
  if (line.rfind("rlvr: ", 0) == 0) line.erase(0, 6);
  return line.empty() ? "it printed nothing" : line;
}

// This program once more, in a process group of its own, so that Ctrl-C reaches this process alone,
// which passes it on once.
pid_t Start(const ComparedRun& run, const std::vector<std::string>& arguments) {
  MakeDirectories(std::filesystem::path(run.folder).parent_path().string());
  const int log = open(LogPath(run).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) throw Error(LogPath(run), std::string("cannot open: ") + strerror(errno), "");
  std::string name = "rlvr";
  std::vector<char*> argv = {name.data()};
  for (const std::string& part : arguments) argv.push_back(const_cast<char*>(part.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // it was gone before prctl
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  const int error = errno;
  close(log);
  if (child < 0)
    throw Error("compare", std::string("cannot start a process: ") + strerror(error), "");
  return child;
}

struct Worker {
  const ComparedRun* run = nullptr;
  pid_t process = -1;
  int threads = 1;
};

class Runner {
 public:
  Runner(const Comparison& comparison, const RunnerOptions& options)
      : comparison_(comparison), options_(options) {
    for (const ComparedRun& run : comparison.runs) {
      if (IsFinished(run)) {
        ++reused_;
      } else {
        waiting_.push_back(&run);
        steps_before_ += StepsRecorded(run.folder);
        steps_left_ += run.recipe.trainer.steps;
      }
    }
    steps_left_ -= steps_before_;
    // Threads that do not divide go to the first ones.
    const int jobs = std::clamp(options.jobs, 1, std::max(1, static_cast<int>(waiting_.size())));
    for (int i = 0; i < jobs; ++i) {
      const int share = options.threads / jobs + (i < options.threads % jobs ? 1 : 0);
      idle_threads_.push_back(std::max(1, share));
    }
  }

  ~Runner() {  // an exception of this process's own
    StopAll();
    while (!working_.empty()) Collect(/*wait=*/true);
  }

  void Run() {
    if (waiting_.empty()) return;
    if (reused_ > 0)
      fmt::print(stderr, "{} of {} runs are finished already\n", reused_, comparison_.runs.size());
    Progress progress("compare " + comparison_.name, std::max<int64_t>(steps_left_, 1));
    while (!working_.empty() || (!stopping_ && !waiting_.empty())) {
      while (!stopping_ && !waiting_.empty() && !idle_threads_.empty()) StartNext();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      Collect(/*wait=*/false);
      progress.Update(StepsDone(), Note());
      if (InterruptRequested()) StopAll();
    }
    if (!failure_.empty()) {
      throw Error(failed_, failure_,
                  fmt::format("its log is {}; the same command goes on where it stopped", log_));
    }
    if (stopping_) {
      throw Interrupted(
          fmt::format("stopped after {} of {} steps that were left; the same command "
                      "goes on",
                      StepsDone(), steps_left_));
    }
  }

 private:
  void StartNext() {
    const ComparedRun* run = waiting_.front();
    const int threads = idle_threads_.front();
    working_.push_back({run, Start(*run, options_.arguments(*run, threads)), threads});
    started_.push_back(run);
    waiting_.erase(waiting_.begin());
    idle_threads_.erase(idle_threads_.begin());
  }

  void StopAll() {
    if (stopping_) return;  // a second signal would end them without saving
    stopping_ = true;
    for (const Worker& worker : working_) kill(worker.process, SIGTERM);
  }

  void Collect(bool wait) {
    for (size_t i = 0; i < working_.size();) {
      const Worker worker = working_[i];
      int status = 0;
      const pid_t ended = waitpid(worker.process, &status, wait ? 0 : WNOHANG);
      if (ended == 0 || (ended < 0 && errno == EINTR)) {
        ++i;
        continue;
      }
      working_.erase(working_.begin() + static_cast<ptrdiff_t>(i));
      idle_threads_.push_back(worker.threads);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      if (!stopping_) Fail(worker, status);
    }
  }

  void Fail(const Worker& worker, int status) {
    failed_ = ShortName(*worker.run);
    log_ = LogPath(*worker.run);
    failure_ = WIFSIGNALED(status) ? fmt::format("was ended by signal {} ({})", WTERMSIG(status),
                                                 strsignal(WTERMSIG(status)))
                                   : LastLine(log_);
    StopAll();
  }

  int64_t StepsDone() const {
    int64_t steps = -steps_before_;
    for (const ComparedRun* run : started_) steps += StepsRecorded(run->folder);
    for (const ComparedRun* run : waiting_) steps += StepsRecorded(run->folder);
    return std::max<int64_t>(steps, 0);
  }

  std::string Note() const {
    std::vector<std::string> parts;
    for (const Worker& worker : working_) {
      parts.push_back(fmt::format("{} {}/{}", ShortName(*worker.run),
                                  StepsRecorded(worker.run->folder),
                                  worker.run->recipe.trainer.steps));
    }
    return fmt::format("{}", fmt::join(parts, "  "));
  }

  const Comparison& comparison_;
  const RunnerOptions& options_;
  std::vector<const ComparedRun*> waiting_, started_;
  std::vector<Worker> working_;
  std::vector<int> idle_threads_;  // of each free place
  size_t reused_ = 0;
  int64_t steps_before_ = 0, steps_left_ = 0;
  bool stopping_ = false;
  std::string failed_, failure_, log_;
};

}  // namespace

void RunComparison(const Comparison& comparison, const RunnerOptions& options) {
  Runner(comparison, options).Run();
}

}  // namespace rlvr
