#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "verify/verify.h"

namespace rlvr {

std::vector<Judgement> JudgeAll(const Verifier& verifier, const JudgedPrompt& prompt,
                                const std::vector<std::string>& responses) {
  std::vector<Judgement> judgements(responses.size());
  std::atomic<size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (size_t i; (i = next++) < responses.size();)
        judgements[i] = verifier.JudgePrompt(prompt, responses[i]);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      next = responses.size();
    }
  };
  std::vector<std::thread> others;
  const size_t wanted =
      std::min(responses.size(), static_cast<size_t>(std::max(1, verifier.concurrency())));
  for (size_t i = 1; i < wanted; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  if (error) std::rethrow_exception(error);
  return judgements;
}

}  // namespace rlvr
