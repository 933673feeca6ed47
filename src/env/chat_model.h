// Chat models that users and judges are played by: one of the run, or one behind an endpoint.
#ifndef RLVR_ENV_CHAT_MODEL_H_
#define RLVR_ENV_CHAT_MODEL_H_
#include <functional>
#include <string>
#include <vector>

#include "env/chat_endpoint.h"
#include "env/environment.h"

namespace rlvr {

struct ChatModel {
  // The message after these. Throws ConversationFailed where there is none.
  std::function<std::string(const std::vector<Message>&, RandomKey)> say;
  bool blocks = false;  // as Conversation::blocks
};

// section: of the recipe, for messages.
ChatModel ModelOfRun(const std::string& section, const std::string& model, double temperature,
                     int max_tokens, const EnvironmentServices& services);
ChatModel RemoteModel(const std::string& section, ChatEndpointSettings endpoint,
                      const std::string& model);

}  // namespace rlvr
#endif  // RLVR_ENV_CHAT_MODEL_H_
