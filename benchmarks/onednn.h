// The matrix product of oneDNN, to compare with; absent where the library is.
#ifndef RLVR_BENCHMARKS_ONEDNN_H_
#define RLVR_BENCHMARKS_ONEDNN_H_
#include <cstdint>
#include <functional>

#include "tensor/types.h"

namespace rlvr {

// What is done to activations inside the call.
enum class OneDnnInputs {
  kGiven,    // they are in the compute type
  kRounded,  // fp32, as our calls take them, and reordered into the compute type
};

// A call of y = x W^T with x [M, K], W [N, K] laid out and typed as oneDNN likes best beforehand,
// y fp32. Its threads are OpenMP's.
std::function<void()> OneDnnMatMul(int64_t m, int64_t n, int64_t k, ComputeType type, int threads,
                                   OneDnnInputs inputs = OneDnnInputs::kGiven);
// dw += dy^T x with dy [M, N], x [M, K] row by row, as a backward pass has them, dw fp32.
std::function<void()> OneDnnWeightGradient(int64_t m, int64_t n, int64_t k, ComputeType type,
                                           int threads, OneDnnInputs inputs = OneDnnInputs::kGiven);

}  // namespace rlvr
#endif  // RLVR_BENCHMARKS_ONEDNN_H_
