#include "eval/speakers.h"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "base/error.h"
#include "rollout/rollout.h"
#include "text/chat.h"

namespace rlvr {

std::string Speakers::Speak(const ModelQuestion& question) {
  Asked asked{.question = &question};
  if (std::this_thread::get_id() == thread_) {
    WriteAll({&asked});
  } else {
    std::unique_lock lock(mutex_);
    waiting_.push_back(&asked);
    answered_.wait(lock, [&] { return asked.done; });
  }
  if (asked.error) std::rethrow_exception(asked.error);
  return std::move(asked.text);
}

int64_t Speakers::num_waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(waiting_.size());
}

void Speakers::Answer() {
  const std::vector<Asked*> asked = TakeWaiting();
  try {
    WriteAll(asked);
  } catch (...) {
    for (Asked* a : asked) {
      a->error = std::make_exception_ptr(
          ConversationFailed(Verdict::kBroken, "model " + a->question->model, "does not answer"));
    }
    Release(asked);
    throw;
  }
  Release(asked);
}

void Speakers::Refuse() {
  const std::vector<Asked*> asked = TakeWaiting();
  for (Asked* a : asked) {
    a->error = std::make_exception_ptr(ConversationFailed(
        Verdict::kBroken, "model " + a->question->model, "nobody waits for its answer"));
  }
  Release(asked);
}

std::vector<Speakers::Asked*> Speakers::TakeWaiting() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void Speakers::Release(const std::vector<Asked*>& asked) {
  const std::lock_guard lock(mutex_);
  for (Asked* a : asked) a->done = true;
  answered_.notify_all();
}

Policy& Speakers::Other(const std::string& name) {
  auto other = others_.find(name);
  if (other == others_.end()) {
    other =
        others_.emplace(name, LoadPolicy(name, policy_.compute(), /*for_training=*/false)).first;
  }
  return other->second;
}

void Speakers::WriteAll(const std::vector<Asked*>& asked) {
  std::map<std::tuple<std::string, float, int64_t>, std::vector<Asked*>> batches;
  for (Asked* a : asked) {
    const ModelQuestion& q = *a->question;
    batches[{q.model, q.temperature, q.max_tokens}].push_back(a);
  }
  for (const auto& [like, batch] : batches) Write(batch);
}

void Speakers::Write(const std::vector<Asked*>& asked) {
  const ModelQuestion& like = *asked.front()->question;
  const Policy* other = like.model == "policy" ? nullptr : &Other(like.model);
  const Model& model = other == nullptr ? policy_ : *other->model;
  const Tokenizer& tokenizer = other == nullptr ? tokenizer_ : *other->tokenizer;
  std::vector<RolloutRequest> requests;
  std::vector<Asked*> fitting;
  for (Asked* a : asked) {
    RolloutRequest request;
    request.tree.segments.push_back({.tokens = EncodeOpening(tokenizer, a->question->messages)});
    request.key = a->question->key;
    const auto length = static_cast<int64_t>(request.tree.segments[0].tokens.size());
    if (length >= model.config().context_length()) {
      a->error = std::make_exception_ptr(
          ConversationFailed(Verdict::kBroken, "model " + like.model,
                             fmt::format("a question of {} tokens does not fit its context of {}",
                                         length, model.config().context_length())));
      continue;
    }
    requests.push_back(std::move(request));
    fitting.push_back(a);
  }
  RolloutOptions options;
  options.sampling.temperature = like.temperature;
  options.max_tokens = like.max_tokens;
  options.interruptible = false;  // who samples decides when to stop
  const std::vector<Tree> trees = Rollout(model, tokenizer, options, std::move(requests));
  for (size_t i = 0; i < fitting.size(); ++i) {
    fitting[i]->text =
        tokenizer.Decode(trees[i].ResponseTokens(trees[i].leaves[0]), /*skip_special=*/true);
  }
}

EnvironmentServices ServicesWithModels(const Model& policy, const Tokenizer& tokenizer) {
  auto speakers = std::make_shared<Speakers>(policy, tokenizer);
  EnvironmentServices services;
  services.generate = [speakers](const ModelQuestion& question) {
    return speakers->Speak(question);
  };
  services.models = speakers;
  return services;
}

}  // namespace rlvr
