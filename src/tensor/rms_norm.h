// RMSNorm over the last dimension and its gradient. arXiv:1910.07467.
// A row depends on that row alone: same bits for any T, position, thread count, AVX2 or AVX-512.
// Wrong shapes are a bug: RLVR_CHECK aborts. NaN in, NaN out. Parallel over rows.
#ifndef RLVR_TENSOR_RMS_NORM_H_
#define RLVR_TENSOR_RMS_NORM_H_
#include <span>

#include "tensor/view.h"

namespace rlvr {
// y[t, i] = x[t, i] * rstd[t] * weight[i],  rstd[t] = 1 / sqrt(mean_i(x[t, i]^2) + eps)
// The sum of squares is 16 interleaved fma chains (i mod 16), then a fixed tree.
// x, y [T, D], strided, may be one buffer; weight [D]; rstd [T] is what RmsNormBackward needs (may
// be empty).
void RmsNorm(View<const float> x, View<const float> weight, float eps, View<float> y,
             View<float> rstd);
// Adds to dx [T, D] and to dweight [D]; dweight is summed within each unit from 0 in token order,
// then added (see gemm.h on units). dweight may be empty. y [T, D], if given, is RmsNorm's again, the
// same bits.
void RmsNormBackward(View<const float> dy, View<const float> x, View<const float> weight,
                     View<const float> rstd, std::span<const int64_t> unit_begin, View<float> dx,
                     View<float> dweight, View<float> y = {});
// QK-norm: x [T, H * E] is H heads of E, each normalised on its own with one weight [E]. rstd [T,
// H].
void RmsNormHeads(View<const float> x, View<const float> weight, int64_t num_heads, float eps,
                  View<float> y, View<float> rstd);
// dx is stored, not added (dx may be dy's buffer); dweight [E] as above, over tokens then heads.
void RmsNormHeadsBackward(View<const float> dy, View<const float> x, View<const float> weight,
                          int64_t num_heads, View<const float> rstd,
                          std::span<const int64_t> unit_begin, View<float> dx, View<float> dweight);
namespace ref {
void RmsNorm(View<const float> x, View<const float> weight, float eps, View<float> y,
             View<float> rstd);
void RmsNormBackward(View<const float> dy, View<const float> x, View<const float> weight,
                     View<const float> rstd, std::span<const int64_t> unit_begin, View<float> dx,
                     View<float> dweight, View<float> y = {});
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_RMS_NORM_H_
