#include "bench/roofline.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "tensor/peak.h"
#include "train/stopwatch.h"

namespace rlvr {

Peaks MeasurePeaks(int threads) {
  return {threads, MeasurePeakGflops(ComputeType::kFp32, threads),
          MeasurePeakGflops(ComputeType::kBf16, threads), MeasureReadBandwidthGBs(threads)};
}

double Intensity(const Work& work) { return work.gb > 0 ? work.gflop / work.gb : 0; }

double LimitSeconds(const Work& work, const Peaks& peaks) {
  return std::max(work.gflop / peaks.gflops(work.type), work.gb / peaks.read_gbs);
}

double LimitGflops(const Work& work, const Peaks& peaks) {
  return work.gflop / LimitSeconds(work, peaks);
}

bool ComputeBound(const Work& work, const Peaks& peaks) {
  return work.gflop / peaks.gflops(work.type) >= work.gb / peaks.read_gbs;
}

double Share(const Work& work, const Timing& timing, const Peaks& peaks) {
  return LimitSeconds(work, peaks) / timing.seconds;
}

double Median(std::vector<double> values) {
  RLVR_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

Timing Measure(double seconds, int min_repeats, const std::function<void()>& run) {
  constexpr size_t kMostRepeats = 1000;
  run();
  std::vector<double> times;
  double sum = 0;
  Stopwatch watch;
  while (times.size() < kMostRepeats &&
         (sum < seconds || static_cast<int>(times.size()) < min_repeats)) {
    if (InterruptRequested()) throw Interrupted("stopped");
    watch.Lap();
    run();
    times.push_back(watch.Lap());
    sum += times.back();
  }
  return {Median(times), static_cast<int>(times.size())};
}

}  // namespace rlvr
