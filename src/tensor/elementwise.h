// SwiGLU, embedding look-up, sums; and the project's own exp and log, so that no libm decides a
// bit.
#ifndef RLVR_TENSOR_ELEMENTWISE_H_
#define RLVR_TENSOR_ELEMENTWISE_H_
#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace rlvr {

// Fixed polynomials with explicit fma; exp-inl.h has ExpF in vector lanes, with the same bits.
// ExpF: within 2 ulp; below -87 exactly 0 (no subnormals); above 88.7 +inf; NaN -> NaN.
// LogF: within 2 ulp for normal x > 0; 0 -> -inf; negative and NaN -> NaN; +inf -> +inf.
float ExpF(float x);
float LogF(float x);

// y [T, F] = silu(gate) * up, gate_up [T, 2F] holds gate then up; silu(g) = g / (1 + exp(-g)),
// ExpF's exp.
void SwiGlu(View<const float> gate_up, View<float> y);
// dgate_up [T, 2F] is stored (may be gate_up's buffer); y [T, F] (may be
// dy's buffer) is SwiGlu's again, the same bits.
void SwiGluBackward(View<const float> dy, View<const float> gate_up, View<float> dgate_up,
                    View<float> y);

// y [T, D] = table[tokens[t]]; table [V, D]. A token outside [0, V) is a bug.
void Embedding(View<const float> table, std::span<const int32_t> tokens, View<float> y);
// dtable[tokens[t]] += dy[t]: within a unit rows of one token are summed in token order from 0,
// then added.
void EmbeddingBackward(View<const float> dy, std::span<const int32_t> tokens,
                       std::span<const int64_t> unit_begin, View<float> dtable);

void AddInPlace(View<const float> x, View<float> y);  // y += x
// y [T, N] += bias [1, N] in every row.
void AddBias(View<const float> bias, View<float> y);
// dbias [1, N] += the sum of dy's rows: within a unit, sums of kGemmChunk rows (from 0) are added in
// order, as in WeightGradient.
void BiasGradient(View<const float> dy, std::span<const int64_t> unit_begin, View<float> dbias);
void Copy(View<const float> x, View<float> y);  // y = x
// Sum of squares in double, in a fixed order (blocks of 4096 elements, 16 interleaved sums): for
// the gradient norm. Parallel over blocks.
double SumOfSquares(View<const float> x);

namespace ref {
void SwiGlu(View<const float> gate_up, View<float> y);
void SwiGluBackward(View<const float> dy, View<const float> gate_up, View<float> dgate_up,
                    View<float> y);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_ELEMENTWISE_H_
