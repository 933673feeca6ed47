// A chat model behind an OpenAI-compatible endpoint, POST URL/chat/completions.
#ifndef RLVR_ENV_CHAT_ENDPOINT_H_
#define RLVR_ENV_CHAT_ENDPOINT_H_
#include <string>
#include <vector>

#include "base/random.h"
#include "text/chat.h"

namespace rlvr {

struct ChatEndpointSettings {
  std::string url = "http://127.0.0.1:8000/v1";  // with the version
  std::string model;                             // as the server names it
  // Environment variable with the key; empty or not set: no key is sent.
  std::string key_variable = "OPENAI_API_KEY";
  double temperature = 1;
  int max_tokens = 256;
  double timeout = 60;  // seconds, of one request
  int retries = 3;      // after a lost connection, a time-out, 429 and 5xx; waits grow from 0.5 s
  double first_wait = 0.5;

  // Those of a recipe, without the model.
  template <class Visitor>
  void Params(Visitor& p) {
    p("url", url);
    p("key_variable", key_variable);
    p("temperature", temperature, 0.0, 100.0);
    p("max_tokens", max_tokens, 1, 1 << 20);
    p("timeout", timeout, 0.001, 86400.0);
    p("retries", retries, 0, 1000);
  }
};

// Thread-safe.
class ChatEndpoint {
 public:
  // section: of the recipe, for messages.
  explicit ChatEndpoint(ChatEndpointSettings settings, const std::string& section = "endpoint");
  // The first choice's text. Throws ConversationFailed: kTimedOut if the last try took too long,
  // else kBroken (no connection, a status but 200, a body that is no completion). The key decides
  // the request's seed.
  std::string Complete(const std::vector<Message>& messages, RandomKey key) const;

 private:
  const ChatEndpointSettings settings_;
};

}  // namespace rlvr
#endif  // RLVR_ENV_CHAT_ENDPOINT_H_
