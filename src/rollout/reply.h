// What follows a turn of the policy in a conversation: the other side's reply in tokens, or the
// end. No model is needed for it, so that somebody slow can be asked on another thread.
#ifndef RLVR_ROLLOUT_REPLY_H_
#define RLVR_ROLLOUT_REPLY_H_
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "rollout/conversation.h"
#include "text/tokenizer.h"

namespace rlvr {

struct TurnEnd {
  Conversation* other = nullptr;
  PolicyTurn turn;
  int32_t last_token = 0;
  bool last = false;  // there may be no further turn
  int64_t room = 0;   // most tokens that the reply may have
};

struct NextTurn {
  TurnOutcome outcome;          // of the turn that has ended
  bool over = false;            // no turn follows; else `tokens` do, and then the policy
  std::vector<int32_t> tokens;  // of the other side
  Finish finish = Finish::kStop;
  ConversationResult result;  // where over
};

// Throws what Step and End throw, but ConversationFailed: that is an end of Finish::kAborted.
NextTurn Ask(const Tokenizer& tokenizer, const TurnEnd& end);

// Asks on threads of their own. Its destructor waits for those that are still asked; models that
// they wait for refuse.
class ReplyThreads {
 public:
  explicit ReplyThreads(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  ~ReplyThreads();
  ReplyThreads(const ReplyThreads&) = delete;
  ReplyThreads& operator=(const ReplyThreads&) = delete;

  // The reply to `who` comes out of Take. end.other must live until then.
  void Ask(int64_t who, TurnEnd end);
  // Lets the models that are asked answer, once no fewer wait for them than trajectories decode:
  // the more in one batch the better. decoding 0: at once, but for those who are about to ask.
  void LetModelsAnswer(int64_t decoding);
  // The replies that have come; with wait, blocks for the first one, but not for long. Throws what
  // was thrown on the way to one of them.
  std::vector<std::pair<int64_t, NextTurn>> Take(bool wait);

 private:
  struct Answer {
    int64_t who = 0;
    NextTurn next;
    std::exception_ptr error;
  };

  int64_t NumAnswers();

  const Tokenizer& tokenizer_;
  std::set<AskedModels*> models_;  // of those who were asked
  std::mutex mutex_;
  std::condition_variable come_;
  std::vector<Answer> answers_;
  std::map<int64_t, std::thread> threads_;
};

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_REPLY_H_
