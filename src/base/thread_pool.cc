#include "base/thread_pool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace rlvr {
namespace {

// The gap between two kernels of a step is microseconds, so who waits spins before it sleeps; not
// for long, because on a busy machine the thread that is waited for may need this very core.
constexpr int kSpins = 4000;
// A range is cut into at most so many chunks: enough to share evenly when some threads are slowed
// by other processes.
constexpr int64_t kMaxChunks = 64;

thread_local bool in_body = false;

int CoresOfThisProcess() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

// Where this thread may run: on the process's cores, but for `not_on` (-1: on all of them).
void RunAnywhereBut(int not_on) {
  cpu_set_t set;
  if (sched_getaffinity(getpid(), sizeof(set), &set) != 0 || CPU_COUNT(&set) < 2) return;
  if (not_on >= 0) CPU_CLR(static_cast<size_t>(not_on), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// True as soon as done() is, false after kSpins.
template <class Done>
bool Spin(Done done) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (done()) return true;
    __builtin_ia32_pause();
  }
  return done();
}

// Threads claim chunks of the current job from one counter. The caller claims too, and waits only
// for chunks that somebody claimed, never for a thread that has not got a core yet.
class Pool {
 public:
  explicit Pool(int num_threads) : num_threads_(num_threads), caller_core_(sched_getcpu()) {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Pool() {
    stop_ = true;
    Wake();
    for (auto& t : threads_) t.join();
  }
  int num_threads() const { return num_threads_; }

  void Run(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
    caller_core_.store(sched_getcpu(), std::memory_order_relaxed);
    const int64_t grains = (n + grain - 1) / grain;
    const int64_t grains_per_chunk = (grains + kMaxChunks - 1) / kMaxChunks;
    const int64_t chunks = (grains + grains_per_chunk - 1) / grains_per_chunk;
    n_.store(n, std::memory_order_relaxed);
    chunk_.store(grains_per_chunk * grain, std::memory_order_relaxed);
    num_chunks_.store(chunks, std::memory_order_relaxed);
    body_.store(&body, std::memory_order_relaxed);
    unfinished_.store(chunks, std::memory_order_relaxed);
    jobs_ += uint64_t{1} << 32;
    ticket_.store(jobs_ | chunks, std::memory_order_release);
    Wake();
    RunChunks();
    const auto left = [this] { return unfinished_.load(std::memory_order_acquire); };
    if (!Spin([&] { return left() == 0; })) {
      for (uint32_t now = left(); now != 0; now = left()) {
        unfinished_.wait(now, std::memory_order_acquire);
      }
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void Wake() {
    wakes_.fetch_add(1, std::memory_order_release);
    wakes_.notify_all();
  }
  bool HasChunks() const {
    return static_cast<uint32_t>(ticket_.load(std::memory_order_acquire)) != 0;
  }
  // Runs chunks until none is left to claim.
  void RunChunks() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (const int64_t left = static_cast<uint32_t>(ticket)) {
      // Large claims first, for few of them; small ones last, so that all end together.
      const int64_t taken = std::max<int64_t>(1, left / (2 * num_threads_));
      // These belong to the ticket's job if the claim succeeds: no job is followed by another
      // before all its chunks are claimed and finished.
      const int64_t n = n_.load(std::memory_order_relaxed);
      const int64_t chunk = chunk_.load(std::memory_order_relaxed);
      const int64_t first = num_chunks_.load(std::memory_order_relaxed) - left;
      const auto* body = body_.load(std::memory_order_relaxed);
      if (!ticket_.compare_exchange_weak(ticket, ticket - taken, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
        continue;
      }
      in_body = true;
      for (int64_t i = first; i < first + taken; ++i) {
        try {
          (*body)(i * chunk, std::min(n, (i + 1) * chunk));
        } catch (...) {
          const std::lock_guard lock(error_mutex_);
          if (!error_) error_ = std::current_exception();
        }
      }
      in_body = false;
      if (unfinished_.fetch_sub(taken, std::memory_order_acq_rel) == taken) {
        unfinished_.notify_all();
      }
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }
  void Work() {
    RunAnywhereBut(caller_core_);
    while (!stop_) {
      const uint32_t wakes = wakes_.load(std::memory_order_acquire);
      if (Spin([this] { return HasChunks() || stop_; })) {
        RunChunks();
      } else {
        // Some systems put a thread on the core of the one that wakes it and leave it there for long,
        // where it waits for that one. Once awake it may be moved.
        RunAnywhereBut(caller_core_);
        wakes_.wait(wakes, std::memory_order_acquire);
        RunAnywhereBut(-1);
      }
    }
  }

  const int num_threads_;
  std::atomic<int> caller_core_;  // where ParallelFor was called last
  std::vector<std::thread> threads_;
  uint64_t jobs_ = 0;  // the current job's number in the upper half
  std::atomic<int64_t> n_{0}, chunk_{0}, num_chunks_{0};
  std::atomic<const std::function<void(int64_t, int64_t)>*> body_{nullptr};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::atomic<bool> stop_{false};
  // Upper half: the job's number, so that a late thread cannot claim from another job than the one
  // it read; lower half: chunks that nobody has claimed.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};  // chunks of the job
  alignas(64) std::atomic<uint32_t> wakes_{0};
};

std::unique_ptr<Pool>& ThePool() {
  static std::unique_ptr<Pool> pool = std::make_unique<Pool>(CoresOfThisProcess());
  return pool;
}

}  // namespace

void SetNumThreads(int n) {
  RLVR_CHECK(n >= 0) << n;
  if (n == 0) n = CoresOfThisProcess();
  if (ThePool()->num_threads() == n) return;
  ThePool().reset();
  ThePool() = std::make_unique<Pool>(n);
}

int NumThreads() { return ThePool()->num_threads(); }

bool InParallelFor() { return in_body; }

void ParallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  RLVR_CHECK(n >= 0 && grain >= 1) << n << " " << grain;
  if (n == 0) return;
  if (in_body || n <= grain || NumThreads() == 1) {
    body(0, n);
    return;
  }
  ThePool()->Run(n, grain, body);
}

}  // namespace rlvr
