#include "rollout/deal_out.h"

#include <algorithm>
#include <numeric>

namespace rlvr {

std::vector<size_t> DealOut(std::span<const int64_t> sizes, int64_t hands) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (hands == 1 ||
      std::adjacent_find(sizes.begin(), sizes.end(), std::not_equal_to<>()) == sizes.end())
    return order;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int64_t> load(static_cast<size_t>(hands), 0);
  std::vector<size_t> hand(sizes.size());
  for (const size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += sizes[i];
    hand[i] = static_cast<size_t>(least - load.begin());
  }
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return hand[a] < hand[b]; });
  return order;
}

}  // namespace rlvr
