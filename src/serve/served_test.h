// A server of a small random model on a free loopback port, and its client, for the tests of this
// folder.
#ifndef RLVR_SERVE_SERVED_TEST_H_
#define RLVR_SERVE_SERVED_TEST_H_
#include <gtest/gtest.h>
#include <httplib.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "rollout/test_policy.h"
#include "serve/serve.h"

namespace rlvr {

using nlohmann::json;

inline const TinyPolicy& ThePolicy() {
  static const TinyPolicy policy(ComputeType::kBf16, 2000);
  return policy;
}

struct Served {
  explicit Served(ServeOptions options = {}) {
    options.model_name = "tiny";
    server = std::make_unique<Server>(ThePolicy().model, ThePolicy().tokenizer, options);
  }
  httplib::Client Client() const {
    httplib::Client client("127.0.0.1", server->port());
    client.set_read_timeout(60);
    return client;
  }
  // status and body
  std::pair<int, std::string> Post(const std::string& path, const json& body) const {
    auto client = Client();
    const auto result = client.Post(path, body.dump(), "application/json");
    if (!result) return {-1, httplib::to_string(result.error())};
    return {result->status, result->body};
  }
  json Ok(const std::string& path, const json& body) const {
    const auto [status, text] = Post(path, body);
    EXPECT_EQ(status, 200) << text;
    return json::parse(text);
  }
  std::unique_ptr<Server> server;
};

inline const char* const kChat = "/v1/chat/completions";
inline const char* const kCompletion = "/v1/completions";

inline const json kMessages = {{{"role", "user"}, {"content", "one two"}}};

}  // namespace rlvr
#endif  // RLVR_SERVE_SERVED_TEST_H_
