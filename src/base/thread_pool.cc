#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"

namespace rlvr {
namespace {

// Between kernels of one step the gap is microseconds, so a worker spins before it sleeps.
constexpr int kSpins = 20000;

thread_local bool in_body = false;

int CoresOfThisProcess() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

template <class Done>
void SpinThenSleep(const std::atomic<uint32_t>& value, Done done) {
  for (int spin = 0;; ++spin) {
    const uint32_t now = value.load(std::memory_order_acquire);
    if (done(now)) return;
    if (spin < kSpins) {
      __builtin_ia32_pause();
    } else {
      value.wait(now, std::memory_order_acquire);
    }
  }
}

class Pool {
 public:
  explicit Pool(int num_threads) : num_threads_(num_threads) {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this, i] { Work(i); });
  }
  ~Pool() {
    stop_ = true;
    Publish();
    for (auto& t : threads_) t.join();
  }
  int num_threads() const { return num_threads_; }

  void Run(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
    n_ = n;
    const int64_t grains = (n + grain - 1) / grain;
    share_ = (grains + num_threads_ - 1) / num_threads_ * grain;
    body_ = &body;
    errors_.assign(num_threads_, nullptr);
    pending_.store(num_threads_ - 1, std::memory_order_relaxed);
    Publish();
    RunShare(0);
    SpinThenSleep(pending_, [](uint32_t left) { return left == 0; });
    for (auto& e : errors_) {
      if (e) std::rethrow_exception(e);
    }
  }

 private:
  void Publish() {
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();
  }
  void RunShare(int i) {
    const int64_t begin = std::min(n_, i * share_), end = std::min(n_, begin + share_);
    if (begin >= end) return;
    in_body = true;
    try {
      (*body_)(begin, end);
    } catch (...) {
      errors_[i] = std::current_exception();
    }
    in_body = false;
  }
  void Work(int i) {
    for (uint32_t seen = 0;; ++seen) {
      SpinThenSleep(epoch_, [&](uint32_t now) { return now != seen; });
      if (stop_) return;
      RunShare(i);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_all();
    }
  }

  const int num_threads_;
  std::vector<std::thread> threads_;
  std::atomic<uint32_t> epoch_{0}, pending_{0};
  std::atomic<bool> stop_{false};
  int64_t n_ = 0, share_ = 0;
  const std::function<void(int64_t, int64_t)>* body_ = nullptr;
  std::vector<std::exception_ptr> errors_;
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
