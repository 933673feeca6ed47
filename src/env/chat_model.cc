#include "env/chat_model.h"

#include <memory>
#include <utility>

#include "base/error.h"

namespace rlvr {

ChatModel ModelOfRun(const std::string& section, const std::string& model, double temperature,
                     int max_tokens, const EnvironmentServices& services) {
  if (model.empty())
    throw Error(section, "`model` needs the name of a model of the run",
                "set " + section + ".model");
  if (!services.generate)
    throw Error(section, "this run has no model '" + model + "' that could be asked",
                "use another one; `remote` asks an endpoint");
  return {[generate = services.generate, model, temperature, max_tokens](
              const std::vector<Message>& messages, RandomKey key) {
            return generate({model, messages, key, static_cast<float>(temperature), max_tokens});
          },
          services.models != nullptr};
}

ChatModel RemoteModel(const std::string& section, ChatEndpointSettings settings,
                      const std::string& model) {
  settings.model = model;
  auto endpoint = std::make_shared<const ChatEndpoint>(std::move(settings), section);
  return {[endpoint](const std::vector<Message>& messages, RandomKey key) {
            return endpoint->Complete(messages, key);
          },
          true};
}

}  // namespace rlvr
