// What this machine can do at most, measured: the yardstick of `rlvr doctor` and of benchmarks/.
// Both take some 100 ms and start their own threads, so that the pool's size does not matter.
#ifndef RLVR_TENSOR_PEAK_H_
#define RLVR_TENSOR_PEAK_H_
#include "tensor/types.h"

namespace rlvr {

// Multiply-adds of the active instruction set on registers alone, as matrix products use them: fma
// for fp32, vdpbf16ps for bf16, or fma where bf16 is emulated. 10^9 operations (multiplications and
// additions) per second over `threads` threads; the best of several tries.
double MeasurePeakGflops(ComputeType type, int threads);

// Reading memory that no cache holds, 10^9 bytes per second over `threads` threads; the best of
// several tries. Takes 512 MiB for its time.
double MeasureReadBandwidthGBs(int threads);

}  // namespace rlvr
#endif  // RLVR_TENSOR_PEAK_H_
