// Several child processes of one command (base/worker.h) and the log of what they say.
#ifndef RLVR_BASE_WORKER_POOL_H_
#define RLVR_BASE_WORKER_POOL_H_
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/worker.h"

namespace rlvr {

// Where the children's stderr goes; lines of several workers are not mixed. At most 64 MiB of a run.
class WorkerLogFile {
 public:
  // path: a file to append to; empty: stderr. Each line begins with "place 0: ".
  WorkerLogFile(const std::string& path, std::string place);
  ~WorkerLogFile();
  WorkerLogFile(const WorkerLogFile&) = delete;
  WorkerLogFile& operator=(const WorkerLogFile&) = delete;
  void Write(size_t worker, std::string_view line);

 private:
  const std::string place_;
  std::mutex mutex_;
  int fd_;
  int64_t written_ = 0;
};

class WorkerPool {
 public:
  // Starts them. Throws Error if the command cannot start.
  WorkerPool(const WorkerSettings& settings, int num_workers, const std::string& log);
  int64_t NewId() { return next_id_++; }  // of a conversation
  // The one with the fewest conversations. Throws Error where all are given up.
  Worker& Choose();
  int64_t num_restarts() const;

 private:
  const std::string place_;
  WorkerLogFile log_;  // outlives the workers
  std::mutex mutex_;
  size_t first_ = 0;  // of equals, in turn
  std::atomic<int64_t> next_id_{1};
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace rlvr
#endif  // RLVR_BASE_WORKER_POOL_H_
