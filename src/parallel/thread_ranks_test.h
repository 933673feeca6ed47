// Ranks that are threads of one process, for tests.
#ifndef RLVR_PARALLEL_THREAD_RANKS_TEST_H_
#define RLVR_PARALLEL_THREAD_RANKS_TEST_H_
#include <algorithm>
#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "parallel/communicator.h"

namespace rlvr {

// What the threads have in common: a place for each rank's bytes.
class Meeting {
 public:
  explicit Meeting(int size) : barrier(size), bytes(static_cast<size_t>(size)) {}
  std::barrier<> barrier;
  std::vector<std::string> bytes;
};

class ThreadRank : public Communicator {
 public:
  ThreadRank(Meeting* meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(meeting_->bytes.size()); }

  std::vector<std::string> AllGather(const std::string& own) override {
    meeting_->bytes[static_cast<size_t>(rank_)] = own;
    Barrier();
    std::vector<std::string> all = meeting_->bytes;
    Barrier();
    return all;
  }
  void Exchange(const float* send, float* received, int64_t n) override {
    const auto all = AllGather(Bytes(send, size() * n));
    for (int r = 0; r < size(); ++r)
      std::copy_n(Floats(all[static_cast<size_t>(r)]) + rank_ * n, n, received + r * n);
  }
  void Share(float* data, int64_t n) override {
    const auto all = AllGather(Bytes(data + rank_ * n, n));
    for (int r = 0; r < size(); ++r)
      std::copy_n(Floats(all[static_cast<size_t>(r)]), n, data + r * n);
  }
  void Sum(float* data, int64_t n) override {
    const auto all = AllGather(Bytes(data, n));
    std::fill_n(data, n, 0.0f);
    for (const std::string& bytes : all) {
      for (int64_t i = 0; i < n; ++i) data[i] += Floats(bytes)[i];
    }
  }
  void Barrier() override { meeting_->barrier.arrive_and_wait(); }

 private:
  static std::string Bytes(const float* data, int64_t n) {
    return {reinterpret_cast<const char*>(data), static_cast<size_t>(n) * sizeof(float)};
  }
  static const float* Floats(const std::string& bytes) {
    return reinterpret_cast<const float*>(bytes.data());
  }
  Meeting* meeting_;
  int rank_;
};

// Runs body(communicator) on so many ranks at once.
inline void OnRanks(int size, const std::function<void(Communicator&)>& body) {
  Meeting meeting(size);
  std::vector<std::thread> threads;
  for (int r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      ThreadRank rank(&meeting, r);
      body(rank);
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace rlvr
#endif  // RLVR_PARALLEL_THREAD_RANKS_TEST_H_
