#include "eval/speakers.h"

#include <utility>

#include "base/error.h"
#include "rollout/rollout.h"

namespace rlvr {

std::string Speakers::Speak(const std::string& model, const std::vector<Message>& messages,
                            RandomKey key) {
  if (std::this_thread::get_id() != thread_) {
    throw Error("model " + model, "is asked by an environment that blocks",
                "models of the run answer only environments that do not");
  }
  const Model* speaker = &policy_;
  const Tokenizer* tokenizer = &tokenizer_;
  if (model != "policy") {
    auto other = others_.find(model);
    if (other == others_.end()) {
      other = others_.emplace(model, LoadPolicy(model, policy_.compute(), /*for_training=*/false))
                  .first;
    }
    speaker = other->second.model.get();
    tokenizer = other->second.tokenizer.get();
  }
  RolloutRequest request;
  request.tree.segments.push_back({.tokens = EncodeOpening(*tokenizer, messages)});
  request.key = key;
  std::vector<RolloutRequest> requests;
  requests.push_back(std::move(request));
  const Tree tree = Rollout(*speaker, *tokenizer, {.max_tokens = 256}, std::move(requests))[0];
  return tokenizer->Decode(tree.ResponseTokens(tree.leaves[0]), /*skip_special=*/true);
}

}  // namespace rlvr
