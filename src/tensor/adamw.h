// AdamW, decoupled weight decay. arXiv:1711.05101, Algorithm 2; bias correction as in
// arXiv:1412.6980.
#ifndef RLVR_TENSOR_ADAMW_H_
#define RLVR_TENSOR_ADAMW_H_
#include <cstdint>
#include <span>

namespace rlvr {
struct AdamWOptions {
  double lr = 1e-6, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
};
struct AdamWScalars {
  float beta1, rest1, beta2, rest2, correct1, correct2, lr, eps, decay, scale;
};
// One step, `step` >= 1, over n elements. g = gradient * gradient_scale (the global-norm clip);
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w -= lr (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps) + weight_decay w)
// Scalars are made in double and rounded once; the element's operations are fp32: its bits do not
// depend on how a step is cut into calls.
class AdamWStep {
 public:
  AdamWStep(const AdamWOptions& options, int64_t step, float gradient_scale);
  // On one thread.
  void operator()(std::span<const float> gradient, std::span<float> m, std::span<float> v,
                  std::span<float> weight) const;

 private:
  AdamWOptions options_;
  int64_t step_;
  AdamWScalars scalars_;
};
// The same over all of it. Parallel.
void AdamW(const AdamWOptions& options, int64_t step, float gradient_scale,
           std::span<const float> gradient, std::span<float> m, std::span<float> v,
           std::span<float> weight);
namespace ref {
void AdamW(const AdamWOptions& options, int64_t step, float gradient_scale,
           std::span<const float> gradient, std::span<float> m, std::span<float> v,
           std::span<float> weight);
}  // namespace ref
}  // namespace rlvr
#endif  // RLVR_TENSOR_ADAMW_H_
