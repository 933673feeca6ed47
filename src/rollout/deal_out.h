// The order of a pass's sequences.
#ifndef RLVR_ROLLOUT_DEAL_OUT_H_
#define RLVR_ROLLOUT_DEAL_OUT_H_
#include <cstdint>
#include <span>
#include <vector>

namespace rlvr {

// sizes [n] -> [n] their indices, ordered so that cutting them into `hands` stretches of about as much
// each is possible: the largest first, each to the hand that has least, hand after hand. In order, if
// all are of one size.
std::vector<size_t> DealOut(std::span<const int64_t> sizes, int64_t hands);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_DEAL_OUT_H_
