// What a piece of work could take at best on this machine, and what it takes: the roofline.
#ifndef RLVR_BENCH_ROOFLINE_H_
#define RLVR_BENCH_ROOFLINE_H_
#include <functional>
#include <vector>

#include "tensor/types.h"

namespace rlvr {

// Limits of this machine over `threads` threads, measured (tensor/peak.h).
struct Peaks {
  int threads = 1;
  double gflops_fp32 = 0, gflops_bf16 = 0;  // multiplications and additions, 10^9 a second
  double read_gbs = 0;                      // 10^9 bytes a second, out of memory
  double gflops(ComputeType type) const {
    return type == ComputeType::kBf16 ? gflops_bf16 : gflops_fp32;
  }
};
Peaks MeasurePeaks(int threads);

// One call: operations in `type`, and bytes that it cannot do without.
struct Work {
  ComputeType type = ComputeType::kFp32;
  double gflop = 0;
  double gb = 0;      // 10^9 bytes; 0: whatever it reads is small
  double tokens = 0;  // that one call advances; 0: not a matter of tokens
};

struct Timing {
  double seconds = 0;  // median of the repeats
  int repeats = 0;
};

// Operations a byte; 0 without bytes.
double Intensity(const Work& work);
// min(peak, intensity * bandwidth), in GFLOP/s.
double LimitGflops(const Work& work, const Peaks& peaks);
// The seconds that one call takes at the limit: max(operations / peak, bytes / bandwidth).
double LimitSeconds(const Work& work, const Peaks& peaks);
// Whether operations, not bytes, are that limit.
bool ComputeBound(const Work& work, const Peaks& peaks);
// Limit over measured: 1 is all that the machine can do. Above 1 where caches hold what `gb` counts.
double Share(const Work& work, const Timing& timing, const Peaks& peaks);

// The median time of run(), after one call that is not counted: as many repeats as `seconds` allow,
// at least min_repeats, at most 1000.
Timing Measure(double seconds, int min_repeats, const std::function<void()>& run);
double Median(std::vector<double> values);

}  // namespace rlvr
#endif  // RLVR_BENCH_ROOFLINE_H_
