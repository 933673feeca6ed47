// Rotary position embedding, the half-split layout of Hugging Face (rotate_half). arXiv:2104.09864.
#ifndef RLVR_TENSOR_ROPE_H_
#define RLVR_TENSOR_ROPE_H_
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/view.h"

namespace rlvr {

// theta^(-2i/E) for i < E/2, radians per position.
std::vector<double> RopeFrequencies(int64_t head_dim, double theta);

// cos and sin [positions, E/2] of position * frequencies[i], times `factor`; made in double and
// rounded once.
class RopeTable {
 public:
  RopeTable(std::span<const double> frequencies, int64_t max_positions, double factor = 1);
  int64_t head_dim() const { return head_dim_; }
  int64_t max_positions() const { return cos_.size() / (head_dim_ / 2); }
  const float* cos(int64_t position) const { return cos_.data() + position * (head_dim_ / 2); }
  const float* sin(int64_t position) const { return sin_.data() + position * (head_dim_ / 2); }

 private:
  int64_t head_dim_;
  AlignedBuffer<float> cos_, sin_;
};

// x [T, H * E] in place; positions [T]. For each head and i < E/2, with a = x[i], b = x[i + E/2]:
// x[i] = fma(-b, sin, a * cos), x[i + E/2] = fma(a, sin, b * cos). Parallel over rows.
void Rope(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
          View<float> x);
// The transposed rotation (sin -> -sin), in place on the gradient.
void RopeBackward(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
                  View<float> dx);
namespace ref {
void Rope(const RopeTable& table, std::span<const int32_t> positions, int64_t num_heads,
          View<float> x);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_ROPE_H_
