// The order of a pass's sequences.
#ifndef RLVR_ROLLOUT_DEAL_OUT_H_
#define RLVR_ROLLOUT_DEAL_OUT_H_
#include <cstdint>
#include <span>
#include <vector>

namespace rlvr {

// sizes [n] -> order [n] of their indices in which they can be cut into `hands` stretches of about as
// much each: the largest first, each to the hand that has least, hand after hand. In order, if all are
// of one size. Called in every pass, it allocates nothing once it has seen as many.
void DealOut(std::span<const int64_t> sizes, int64_t hands, std::vector<size_t>* order);

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_DEAL_OUT_H_
