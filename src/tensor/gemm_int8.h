// Matrix products in 8 bits, W8A8 as vLLM serves it: weights with one scale for each output channel,
// activations with one for each row (token), made anew in every call; both symmetric. For sampling:
// there is no gradient. The policy that samples so is another one than that which is trained.
//
// A vector v (an output channel of W, a row of x) becomes q and s:
//   a = max_i |v_i|;  s = a / 127,  q_i = round(v_i * (127 / a)), to nearest, ties to even
//   a < kInt8Smallest: s = 0 and q = 0, so that it counts as zeros
//   an infinity or a NaN in it: s = NaN and q = 0, so that every output of the row or channel is NaN
// and  y(m, n) = float(sum_k qx(m, k) qw(n, k)) * (sx(m) * sw(n)),  kAdd: y + that.
// The sum is exact in int32 (|sum| <= 127 * 255 * 2^16 < 2^31 with what kernels add on the way), so
// its order does not matter; each of the other operations rounds once to fp32. So the bits are those
// of ref::MatMulInt8 with every instruction set, batch and number of threads.
#ifndef RLVR_TENSOR_GEMM_INT8_H_
#define RLVR_TENSOR_GEMM_INT8_H_
#include <cstdint>
#include <span>

#include "tensor/gemm.h"

namespace rlvr {

inline constexpr int64_t kInt8MaxInputs = int64_t{1} << 16;  // K; RLVR_CHECK
inline constexpr float kInt8Smallest = 0x1p-100f;

// Packs the rows of `parts`, stacked, as PackWeight does; MatMul (gemm.h) then takes `out`. out->type
// is not read. Parallel.
void PackWeightInt8(std::span<const View<const float>> parts, PackedWeight* out);

// What MatMul does with such a weight.
void MatMulInt8(View<const float> x, const PackedWeight& w, View<float> y, Epilogue epilogue);

namespace ref {  // plain loops; W [N, K] unpacked
// v [n] -> q [n]; returns s.
float QuantizeInt8(const float* v, int64_t n, int8_t* q);
void MatMulInt8(View<const float> x, View<const float> w, View<float> y, Epilogue epilogue);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_GEMM_INT8_H_
