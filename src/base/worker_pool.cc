#include "base/worker_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace rlvr {
namespace {

constexpr int64_t kMostLogged = 64 << 20;  // bytes of a run

}  // namespace

WorkerLogFile::WorkerLogFile(const std::string& path, std::string place)
    : place_(std::move(place)), fd_(STDERR_FILENO) {
  if (path.empty()) return;
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0)
    throw Error(place_ + ".log: " + path, std::strerror(errno), "name a file that can be written");
}

WorkerLogFile::~WorkerLogFile() {
  if (fd_ != STDERR_FILENO) close(fd_);
}

void WorkerLogFile::Write(size_t worker, std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (written_ > kMostLogged) return;
  std::string text = place_ + " " + std::to_string(worker) + ": " + std::string(line) + "\n";
  written_ += static_cast<int64_t>(text.size());
  if (written_ > kMostLogged) text += place_ + ": that is enough, the rest is not logged\n";
  [[maybe_unused]] const ssize_t n = write(fd_, text.data(), text.size());
}

WorkerPool::WorkerPool(const WorkerSettings& settings, int num_workers, const std::string& log)
    : place_(settings.place), log_(log, settings.place) {
  for (int i = 0; i < num_workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(
        settings, [this, i](std::string_view line) { log_.Write(static_cast<size_t>(i), line); }));
  }
}

Worker& WorkerPool::Choose() {
  Worker* best = nullptr;
  int64_t fewest = 0;
  std::string why;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = *workers_[(first_ + i) % workers_.size()];
    if (std::string spent = worker.spent(); !spent.empty()) {
      why = std::move(spent);
      continue;
    }
    const int64_t n = worker.num_conversations();
    if (best != nullptr && n >= fewest) continue;
    best = &worker;
    fewest = n;
  }
  first_ = (first_ + 1) % workers_.size();
  if (best == nullptr) throw Error(place_, why, "see what the process said on stderr, and mend it");
  return *best;
}

int64_t WorkerPool::num_restarts() const {
  int64_t n = 0;
  for (const auto& worker : workers_) n += worker->num_restarts();
  return n;
}

}  // namespace rlvr
