// A critic's head: V(s) = score . h(s) + bias, where h(s) is the hidden row after the final norm.
#ifndef RLVR_MODEL_VALUE_HEAD_H_
#define RLVR_MODEL_VALUE_HEAD_H_
#include <span>
#include <vector>

#include "model/model.h"

namespace rlvr {

// One value for each entry of rows [R], indices of rows of hidden [T, D]. Sums in double, in the
// order of the hidden dimensions.
std::vector<float> ValueForward(const Model& model, View<const float> hidden,
                                std::span<const int64_t> rows);

// Gradient of sum over r of coefficient[r] * V(row r): dhidden [T, D] is stored (rows without
// entries get 0), the head's own is added to `gradient`, entry by entry, so that the bits do not
// depend on how a mini-batch is split. rows may repeat.
void ValueBackward(const Model& model, View<const float> hidden, std::span<const int64_t> rows,
                   std::span<const float> coefficients, View<float> dhidden, float* gradient);

}  // namespace rlvr
#endif  // RLVR_MODEL_VALUE_HEAD_H_
