// What every method promises, tried on a small random batch (check_batch.h): `rlvr check recipe`.
// A recipe's stages pass if
//   gradient         the coefficient of every statistic of every token is the derivative of J: as a
//                    central difference in double has it, StopGradient and Constant held fixed
//   statistics       equal bits in any order of groups, micro-batch and number of threads
//   advantages       likewise rewards, advantages, weights and masks, over two steps
//   order            coefficients: equal bits in any order of the groups
//   split            coefficients: equal bits for any split into whole groups, and the parts' J sum
//                    to J. An objective that says it is not separable is never split.
//   accumulation     gradient of the weights: equal bits for any micro-batch and number of threads
//   packing          gradient of the weights, groups in another order: sums round otherwise, within
//                    kPackingBound
//   lone success     the one right response of a group has an advantage, where right ones of other
//                    groups have
#ifndef RLVR_TRAIN_RECIPE_CHECK_H_
#define RLVR_TRAIN_RECIPE_CHECK_H_
#include <string>
#include <vector>

#include "train/check_batch.h"

namespace rlvr {

// Relative to the largest derivative of the statistic, and to the largest gradient of a weight.
inline constexpr double kGradientBound = 1e-5, kPackingBound = 1e-5;

struct CheckedProperty {
  std::string name;
  bool pass = true;
  double deviation = 0;  // the largest; 0 where bits are equal
  double bound = 0;      // 0: the bits must be equal
  std::string what;      // how much was compared; if it fails: where and why
};

// What is checked; the pointers must outlive the call. selector may be null: every group.
struct CheckedStages {
  const BatchStages* reward_shaping = nullptr;
  const BatchStages* advantage = nullptr;
  const Objective* objective = nullptr;
  const Selector* selector = nullptr;
  bool flow_reward = false;  // tokens have rewards of a flow field
};
std::vector<CheckedProperty> CheckStages(const CheckedStages& stages,
                                         const CheckSettings& settings);

// The stages of a recipe as they are in the middle of its run, on three batches, one of them with a
// bf16 model; the worst result of each property. Only of kind "rl": others have no objective, and
// give an empty list.
std::vector<CheckedProperty> CheckRecipe(const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_CHECK_H_
