#include "parallel/deal.h"

#include "base/error.h"
#include "parallel/bytes.h"

namespace rlvr {

std::vector<int64_t> DealtItems(const Communicator& ranks, int64_t n) {
  std::vector<int64_t> own;
  for (int64_t i = ranks.rank(); i < n; i += ranks.size()) own.push_back(i);
  return own;
}

DealtResults ShareDealt(Communicator& ranks, int64_t n,
                        const std::function<std::vector<std::string>(
                            const std::vector<int64_t>& items, std::string* rest)>& make) {
  const std::vector<int64_t> own = DealtItems(ranks, n);
  ByteWriter out;
  try {
    std::string rest;
    const std::vector<std::string> results = make(own, &rest);
    RLVR_CHECK(results.size() == own.size()) << results.size() << " " << own.size();
    out.Put(rest);
    for (const std::string& result : results) out.Put(result);
  } catch (const Interrupted&) {  // the others wait for this rank's part: nothing is its sign
    out = {};
  }
  const std::vector<std::string> all = ranks.AllGather(out.Take());
  DealtResults dealt;
  dealt.items.resize(static_cast<size_t>(n));
  for (size_t r = 0; r < all.size(); ++r) {
    if (all[r].empty()) throw Interrupted("");
    ByteReader in(all[r]);
    dealt.of_rank.push_back(in.Get<std::string>());
    for (size_t i = r; i < dealt.items.size(); i += all.size())
      dealt.items[i] = in.Get<std::string>();
    RLVR_CHECK(in.done()) << r;
  }
  return dealt;
}

}  // namespace rlvr
