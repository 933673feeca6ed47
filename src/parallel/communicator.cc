#include "parallel/communicator.h"

#include <algorithm>

namespace rlvr {
namespace {

class OneRank : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> AllGather(const std::string& own) override { return {own}; }
  void Exchange(const float* send, float* received, int64_t n) override {
    std::copy_n(send, n, received);
  }
  void Share(float*, int64_t) override {}
  void Sum(float*, int64_t) override {}
  void Barrier() override {}
};

}  // namespace

Communicator& Alone() {
  static OneRank one;
  return one;
}

std::string Broadcast(Communicator& ranks, const std::string& bytes) {
  if (ranks.alone()) return bytes;
  return ranks.AllGather(ranks.first() ? bytes : "")[0];
}

bool Any(Communicator& ranks, bool here) {
  if (ranks.alone()) return here;
  const auto all = ranks.AllGather(here ? "1" : "0");
  return std::find(all.begin(), all.end(), "1") != all.end();
}

}  // namespace rlvr
