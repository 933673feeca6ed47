#include "rollout/deal_out.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace rlvr {

void DealOut(std::span<const int64_t> sizes, int64_t hands, std::vector<size_t>* order) {
  order->resize(sizes.size());
  std::iota(order->begin(), order->end(), size_t{0});
  const bool even =
      std::adjacent_find(sizes.begin(), sizes.end(), std::not_equal_to<>()) == sizes.end();
  if (hands == 1 || even) return;
  std::sort(order->begin(), order->end(),
            [&](size_t a, size_t b) { return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b; });
  thread_local std::vector<int64_t> load, hand;
  load.assign(static_cast<size_t>(hands), 0);
  hand.resize(sizes.size());
  for (const size_t i : *order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += sizes[i];
    hand[i] = least - load.begin();
  }
  std::sort(order->begin(), order->end(),
            [](size_t a, size_t b) { return hand[a] != hand[b] ? hand[a] < hand[b] : a < b; });
}

}  // namespace rlvr
