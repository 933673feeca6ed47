// A pass of training over trees, as the trainer makes it, with a gradient that means nothing.
#ifndef RLVR_BENCH_TRAINING_PASS_H_
#define RLVR_BENCH_TRAINING_PASS_H_
#include <span>
#include <vector>

#include "train/update.h"

namespace rlvr {

std::vector<const Tree*> Pointers(const std::vector<Tree>& trees);

struct PassSeconds {
  double forward = 0, backward = 0;  // backward: the head with its loss, and the layers
};
// Adds to `gradient` that of 1e-4 times the sum of all policy tokens' log-probs.
PassSeconds TrainingPass(std::span<const Tree* const> trees, TreePasses* passes,
                         Gradient* gradient);

}  // namespace rlvr
#endif  // RLVR_BENCH_TRAINING_PASS_H_
