#include "train/judge_thread.h"

#include <utility>

#include "train/stopwatch.h"

namespace rlvr {

JudgeThread::~JudgeThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  come_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void JudgeThread::Add(int64_t group, std::function<void()> judge) {
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(group, std::move(judge));
  }
  come_.notify_one();
}

void JudgeThread::Cancel(int64_t group) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(group);
}

std::vector<JudgeThread::Judged> JudgeThread::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(judged_, {});
}

void JudgeThread::Wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  done_.wait_for(lock, at_most, [&] { return !judged_.empty(); });
}

double JudgeThread::seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_;
}

void JudgeThread::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    come_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    auto next = waiting_.extract(waiting_.begin());
    lock.unlock();
    Judged judged{.group = next.key()};
    Stopwatch watch;
    try {
      next.mapped()();
    } catch (...) {
      judged.error = std::current_exception();
    }
    const double seconds = watch.Lap();
    lock.lock();
    seconds_ += seconds;
    judged_.push_back(std::move(judged));
    done_.notify_one();
  }
}

}  // namespace rlvr
