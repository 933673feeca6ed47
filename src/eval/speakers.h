// The models of a run as users and judges of conversations.
#ifndef RLVR_EVAL_SPEAKERS_H_
#define RLVR_EVAL_SPEAKERS_H_
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "env/environment.h"
#include "eval/policy.h"

namespace rlvr {

// Writes messages by name: "policy" is the one at hand, with its weights of the moment; another
// name is a Hugging Face folder or an embedded model, loaded when it is first asked. What is
// written to a question depends on nothing but the question, whichever others are answered in its
// batch.
class Speakers : public AskedModels {
 public:
  // Both must outlive it.
  Speakers(const Model& policy, const Tokenizer& tokenizer)
      : policy_(policy), tokenizer_(tokenizer), thread_(std::this_thread::get_id()) {}

  // The message after the question's. On the thread that made this it is written at once; on others
  // it comes with the next call of Answer.
  std::string Speak(const ModelQuestion& question);

  int64_t num_waiting() const override;
  void Answer() override;
  void Refuse() override;

 private:
  struct Asked {
    const ModelQuestion* question = nullptr;
    std::string text;
    std::exception_ptr error;
    bool done = false;
  };
  Policy& Other(const std::string& name);
  // Questions to one model with the same limits, in one batch.
  void Write(const std::vector<Asked*>& asked);
  void WriteAll(const std::vector<Asked*>& asked);
  std::vector<Asked*> TakeWaiting();
  void Release(const std::vector<Asked*>& asked);

  const Model& policy_;
  const Tokenizer& tokenizer_;
  const std::thread::id thread_;
  std::map<std::string, Policy> others_;
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::vector<Asked*> waiting_;
};

// Services with the models of a run: `policy` and those that are loaded by name.
EnvironmentServices ServicesWithModels(const Model& policy, const Tokenizer& tokenizer);

}  // namespace rlvr
#endif  // RLVR_EVAL_SPEAKERS_H_
