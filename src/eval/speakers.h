// The models of a run as users and judges of conversations.
#ifndef RLVR_EVAL_SPEAKERS_H_
#define RLVR_EVAL_SPEAKERS_H_
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "eval/policy.h"
#include "text/chat.h"

namespace rlvr {

// Writes messages by name: "policy" is the one at hand, with its weights of the moment; another name
// is a Hugging Face folder or an embedded model, loaded when it is first asked.
class Speakers {
 public:
  // Both must outlive it.
  Speakers(const Model& policy, const Tokenizer& tokenizer)
      : policy_(policy), tokenizer_(tokenizer), thread_(std::this_thread::get_id()) {}

  // The message after these, at temperature 1, at most 256 tokens, drawn with the key. On the thread
  // that made this alone, since models share the process's threads; elsewhere an Error.
  std::string Speak(const std::string& model, const std::vector<Message>& messages, RandomKey key);

 private:
  const Model& policy_;
  const Tokenizer& tokenizer_;
  std::thread::id thread_;
  std::map<std::string, Policy> others_;
};

}  // namespace rlvr
#endif  // RLVR_EVAL_SPEAKERS_H_
