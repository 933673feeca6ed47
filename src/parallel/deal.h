// n items are dealt out like cards, item i to rank i mod size; each rank makes something of its own
// ones, and then all have what became of all, in the order of the items.
#ifndef RLVR_PARALLEL_DEAL_H_
#define RLVR_PARALLEL_DEAL_H_
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "parallel/communicator.h"

namespace rlvr {

// The items of this rank, rising.
std::vector<int64_t> DealtItems(const Communicator& ranks, int64_t n);

struct DealtResults {
  std::vector<std::string> items;    // [n] bytes, by item
  std::vector<std::string> of_rank;  // [size] what each rank has to say beside its items
};
// make: returns the results of this rank's items in order, and sets `rest`. Where it is Interrupted
// on any rank, all are.
DealtResults ShareDealt(Communicator& ranks, int64_t n,
                        const std::function<std::vector<std::string>(
                            const std::vector<int64_t>& items, std::string* rest)>& make);

}  // namespace rlvr
#endif  // RLVR_PARALLEL_DEAL_H_
