#include "base/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace rlvr {
namespace {
// When the first came, in nanoseconds of the monotonic clock; 0: none has. Two threads may be in
// the handler at a time.
std::atomic<int64_t> first{0};
static_assert(std::atomic<int64_t>::is_always_lock_free, "for use in a signal handler");

// clock_gettime and _exit are among the functions that a signal handler may call.
void OnSignal(int signal_number) {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  const int64_t now = t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
  int64_t before = 0;
  if (first.compare_exchange_strong(before, now)) return;
  if (static_cast<double>(now - before) > 1e9 * kSameInterruptSeconds) _exit(128 + signal_number);
}
}  // namespace

void HandleInterrupts() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Writes report these as errors, with the file's name.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

bool InterruptRequested() { return first.load(std::memory_order_relaxed) != 0; }
}  // namespace rlvr
