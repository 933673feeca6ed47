// Seconds between two moments, for timing_s/*.
#ifndef RLVR_TRAIN_STOPWATCH_H_
#define RLVR_TRAIN_STOPWATCH_H_
#include <chrono>

namespace rlvr {

class Stopwatch {
 public:
  // Seconds since the last call.
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_STOPWATCH_H_
