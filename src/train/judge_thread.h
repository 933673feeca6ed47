// A thread that judges groups while others are sampled.
#ifndef RLVR_TRAIN_JUDGE_THREAD_H_
#define RLVR_TRAIN_JUDGE_THREAD_H_
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace rlvr {

// One group after the other, the one of the smallest number first. What judges must not use
// ParallelFor, which the thread that samples uses.
class JudgeThread {
 public:
  struct Judged {
    int64_t group = 0;
    std::exception_ptr error;  // what it threw, else null
  };
  JudgeThread() = default;
  // Waits for the group that is being judged; the others are left.
  ~JudgeThread();
  JudgeThread(const JudgeThread&) = delete;
  JudgeThread& operator=(const JudgeThread&) = delete;

  void Add(int64_t group, std::function<void()> judge);
  void Cancel(int64_t group);                    // not to be judged any more, if it has not begun
  std::vector<Judged> Take();                    // those that are done; never waits
  void Wait(std::chrono::milliseconds at_most);  // until Take has something
  double seconds() const;                        // that it has spent on judging

 private:
  void Run();

  mutable std::mutex mutex_;
  std::condition_variable come_, done_;
  std::map<int64_t, std::function<void()>> waiting_;
  std::vector<Judged> judged_;
  double seconds_ = 0;
  bool stop_ = false;
  std::thread thread_;  // from the first group on
};

}  // namespace rlvr
#endif  // RLVR_TRAIN_JUDGE_THREAD_H_
