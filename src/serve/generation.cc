#include "serve/generation.h"

#include "base/error.h"

namespace rlvr {

std::vector<GenerationEvent> Generation::Wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, timeout,
                 [this] { return !events_.empty() || !error_.empty() || open_ == 0; });
  if (events_.empty() && !error_.empty()) throw Error("engine", error_, "");
  return std::exchange(events_, {});
}

bool Generation::done() const {
  const std::lock_guard lock(mutex_);
  return open_ == 0 && events_.empty();
}

void Generation::Post(GenerationEvent event) {
  const std::lock_guard lock(mutex_);
  if (event.finish) --open_;
  events_.push_back(std::move(event));
  news_.notify_one();
}

void Generation::Fail(const std::string& error) {
  const std::lock_guard lock(mutex_);
  if (error_.empty()) error_ = error;
  news_.notify_one();
}

}  // namespace rlvr
