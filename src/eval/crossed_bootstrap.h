// Intervals over two sources of chance at once: seeds (another run of the same recipe) and held-out
// prompts (another test of the same length).
#ifndef RLVR_EVAL_CROSSED_BOOTSTRAP_H_
#define RLVR_EVAL_CROSSED_BOOTSTRAP_H_
#include <vector>

#include "base/random.h"
#include "eval/eval.h"

namespace rlvr {

// Results of the same P prompts under S seeds: values[s][p], e.g. a prompt's share of right
// answers.
using SeedsByPrompts = std::vector<std::vector<double>>;  // [S, P]

// Mean over all S x P cells with a 95 % interval. Every resample draws S seeds and, apart from
// them, P prompts, with replacement, and takes the mean of the cells where they cross: neither the
// cells of one seed nor those of one prompt are independent. ("Pigeonhole" bootstrap, Owen 2007,
// arXiv:0709.4104.) With one seed it is BootstrapMean of its prompts, number for number. S, P >= 1.
Interval CrossedBootstrap(const SeedsByPrompts& values, RandomKey key);

// Mean of a - b with its interval. The pair is the same seed and the same prompt, so what both
// share (a hard prompt, a lucky order of the data) is gone before anything is resampled. Equal
// shapes.
Interval PairedBootstrap(const SeedsByPrompts& a, const SeedsByPrompts& b, RandomKey key);

}  // namespace rlvr
#endif  // RLVR_EVAL_CROSSED_BOOTSTRAP_H_
