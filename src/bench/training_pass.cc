#include "bench/training_pass.h"

#include "train/stopwatch.h"

namespace rlvr {

std::vector<const Tree*> Pointers(const std::vector<Tree>& trees) {
  std::vector<const Tree*> pointers;
  for (const Tree& tree : trees) pointers.push_back(&tree);
  return pointers;
}

PassSeconds TrainingPass(std::span<const Tree* const> trees, TreePasses* passes,
                         Gradient* gradient) {
  PassSeconds seconds;
  Stopwatch watch;
  const PackedTrees& packed = passes->Forward(trees, kTrained, /*for_backward=*/true);
  seconds.forward = watch.Lap();
  const std::vector<std::vector<float>> coefficients(
      1, std::vector<float>(packed.predictions.size(), 1e-4f));
  watch.Lap();
  passes->Backward(1, kLogpOnly, coefficients, gradient);
  seconds.backward = watch.Lap();
  return seconds;
}

}  // namespace rlvr
