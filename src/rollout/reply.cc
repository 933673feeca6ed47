#include "rollout/reply.h"

#include <algorithm>
#include <chrono>

namespace rlvr {
namespace {

constexpr auto kSoon = std::chrono::milliseconds(1);

size_t LongestToken(const Tokenizer& tokenizer) {
  size_t longest = 1;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    longest = std::max(longest, tokenizer.TokenBytes(id).size());
  return longest;
}

// A flood is not worth its tokens: more bytes than `room` tokens hold, by a wide margin, since
// normalisation may shorten text.
bool IsFlood(const Tokenizer& tokenizer, const Reply& reply, int64_t room) {
  size_t bytes = 0;
  for (const Message& m : reply.messages) bytes += m.content.size() + m.role.size();
  return bytes > 4096 && bytes > 4 * LongestToken(tokenizer) * static_cast<size_t>(room);
}

}  // namespace

NextTurn Ask(const Tokenizer& tokenizer, const TurnEnd& end) {
  NextTurn next;
  try {
    const Reply reply = end.other->Step(end.turn);
    next.outcome = reply.outcome;
    if (!reply.done) {
      bool fits = !end.last && end.room > 0 && !IsFlood(tokenizer, reply, end.room);
      if (fits) {
        next.tokens = EncodeReply(tokenizer, end.last_token, reply.messages);
        fits = static_cast<int64_t>(next.tokens.size()) <= end.room;
      }
      if (fits) return next;
      next.tokens.clear();
      next.finish = Finish::kLength;
    }
    next.over = true;
    next.result = end.other->End(next.finish);
  } catch (const ConversationFailed& e) {
    next.over = true;
    next.finish = Finish::kAborted;
    next.result = {.verdict = e.verdict, .failure = e.what()};
  }
  return next;
}

ReplyThreads::~ReplyThreads() {
  while (!models_.empty() && NumAnswers() < static_cast<int64_t>(threads_.size())) {
    for (AskedModels* models : models_) models->Refuse();
    std::unique_lock<std::mutex> lock(mutex_);
    come_.wait_for(lock, kSoon);
  }
  for (auto& [who, thread] : threads_) thread.join();
}

int64_t ReplyThreads::NumAnswers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(answers_.size());
}

void ReplyThreads::LetModelsAnswer(int64_t decoding) {
  const auto asked = static_cast<int64_t>(threads_.size());
  for (AskedModels* models : models_) {
    // Threads that have just been started come to their question, or their answer, in a moment.
    for (int64_t before = -1; decoding == 0;) {
      const int64_t now = models->num_waiting() + NumAnswers();
      if (now == before || now >= asked) break;
      before = now;
      std::this_thread::sleep_for(kSoon);
    }
    const int64_t waiting = models->num_waiting();
    if (waiting > 0 && waiting >= decoding) models->Answer();
  }
}

void ReplyThreads::Ask(int64_t who, TurnEnd end) {
  if (AskedModels* models = end.other->asks()) models_.insert(models);
  std::thread thread([this, who, end = std::move(end)] {
    Answer answer{.who = who};
    try {
      answer.next = rlvr::Ask(tokenizer_, end);
    } catch (...) {
      answer.error = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    answers_.push_back(std::move(answer));
    come_.notify_one();
  });
  threads_.emplace(who, std::move(thread));
}

std::vector<std::pair<int64_t, NextTurn>> ReplyThreads::Take(bool wait) {
  std::vector<Answer> answers;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    // Not for long: the user may want to stop, and models may be asked.
    if (wait)
      come_.wait_for(lock, models_.empty() ? 100 * kSoon : kSoon,
                     [&] { return !answers_.empty(); });
    answers.swap(answers_);
  }
  std::vector<std::pair<int64_t, NextTurn>> taken;
  for (Answer& a : answers) {
    const auto thread = threads_.find(a.who);
    thread->second.join();
    threads_.erase(thread);
  }
  for (Answer& a : answers) {
    if (a.error) std::rethrow_exception(a.error);
    taken.emplace_back(a.who, std::move(a.next));
  }
  return taken;
}

}  // namespace rlvr
