// Matrix products. Every output element is one chain of fused multiply-adds in the order of k, in
// chunks of kGemmChunk whose sums are added in order: y = ((0 + c0) + c1) + ..., c_i = fma over its
// k's from 0. That order depends on neither M, the row's position, nor the thread, so a row has the
// same bits in decode, prefill and training.
//
// bf16: both inputs are rounded to bf16 (nearest even); k is taken in pairs (2i, 2i+1), and each
// pair is acc = fma(x[2i+1], w[2i+1], acc); acc = fma(x[2i], w[2i], acc): what vdpbf16ps does.
// Subnormal bf16 inputs count as zero; vdpbf16ps alone also takes subnormal results as zero. Odd K
// is padded with a zero.
#ifndef RLVR_TENSOR_GEMM_H_
#define RLVR_TENSOR_GEMM_H_
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tensor/types.h"
#include "tensor/view.h"

namespace rlvr {

inline constexpr int64_t kGemmChunk = 512;  // terms of k (or tokens) summed in one chain; even

// A weight made ready for MatMul, in panels for the active instruction set. Rounded once per update
// and used by sampling, prefill and training alike.
struct PackedWeight {
  int64_t n = 0, k = 0;  // outputs, inputs
  ComputeType type = ComputeType::kFp32;
  AlignedBuffer<uint8_t> data;
  AlignedBuffer<float>
      scale;  // [N, to whole panels] of a weight in 8 bits (gemm_int8.h), else empty
  bool int8() const { return scale.size() > 0; }
  int64_t bytes() const { return data.size() + 4 * scale.size(); }
};

// Makes `count` neighbouring elements of one weight final.
using WeightStep = std::function<void(const float* weight, int64_t count)>;

// Packs the rows of `parts`, stacked ([n_0, K], [n_1, K], ...): y = x W^T, and their transpose, with
// n = K and k = sum n_i: dx = dy W. Either may be null. Where there is a step (an optimizer's), it is
// called once for every element, by the thread that then packs it out of its cache. Parallel.
void PackWeight(std::span<const View<const float>> parts, ComputeType type, PackedWeight* out,
                PackedWeight* transposed = nullptr, const WeightStep& step = nullptr);
void PackWeightTransposed(std::span<const View<const float>> parts, ComputeType type,
                          PackedWeight* out);

enum class Epilogue { kStore, kAdd };  // y = xW^T, y += xW^T (one addition at the end)

// x [M, K], y [M, N] (may be strided; may not overlap). Any M >= 0. Parallel over outputs.
void MatMul(View<const float> x, const PackedWeight& w, View<float> y,
            Epilogue epilogue = Epilogue::kStore);

// dw [N, K] += dy^T x with dy [M, N], x [M, K], summed over tokens. unit_begin [U + 1], rising from
// 0 to M, bounds the units (trees). Within a unit the tokens are summed in chunks of kGemmChunk
// that start at the unit's begin; each chunk's sum (from 0) is added to dw in order. So a
// mini-batch may be split between units anywhere, and dw accumulated over calls, with the same
// bits.
void WeightGradient(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                    ComputeType type, View<float> dw);

namespace ref {  // plain loops; W [N, K] unpacked
void MatMul(View<const float> x, View<const float> w, ComputeType type, View<float> y,
            Epilogue epilogue);
void WeightGradient(View<const float> dy, View<const float> x, std::span<const int64_t> unit_begin,
                    ComputeType type, View<float> dw);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_GEMM_H_
