// The endpoint's client against a small server in this process.
#include "env/chat_endpoint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "env/chat_server_test.h"
#include "env/environment.h"

namespace rlvr {
namespace {

ChatEndpointSettings Settings(const ChatServer& server) {
  return {.url = server.url(), .model = "user-model", .timeout = 20, .first_wait = 0.01};
}

Verdict Failure(const ChatEndpoint& endpoint) {
  try {
    endpoint.Complete({{"user", "x"}}, RandomKey(1));
  } catch (const ConversationFailed& failed) {
    return failed.verdict;
  }
  return Verdict::kRight;
}

TEST(ChatEndpoint, AsksAsOpenAiDoes) {
  ChatServer server([](const std::string&) { return Completion(R"("fine \"so\" far")"); });
  setenv("RLVR_TEST_KEY", "secret", 1);
  ChatEndpointSettings settings = Settings(server);
  settings.key_variable = "RLVR_TEST_KEY";
  settings.temperature = 0.5;
  EXPECT_EQ(ChatEndpoint(settings).Complete({{"user", "a\n\"b\" \xff"}}, RandomKey(1)),
            "fine \"so\" far");
  ASSERT_EQ(server.requests().size(), 1u);
  const std::string request = server.requests()[0];
  EXPECT_TRUE(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Authorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(request.find(R"("messages":[{"content":"a\n\"b\" )"
                         "\xef\xbf\xbd"
                         R"(","role":"user"}])"),
            std::string::npos)
      << request;
  EXPECT_NE(request.find(R"("model":"user-model")"), std::string::npos);
  EXPECT_NE(request.find(R"("temperature":0.5)"), std::string::npos);
  EXPECT_NE(request.find(R"("max_tokens":256)"), std::string::npos);
}

TEST(ChatEndpoint, TriesAgainAfterTroubleThatPasses) {
  std::atomic<int> n{0};
  ChatServer server([&](const std::string&) {
    switch (n++) {
      case 0:
        return Http("503 Busy", "");
      case 1:
        return Http("429 Slow down", "{}");
      case 2:
        return std::string();
      default:
        return Completion(R"("ok")");
    }
  });
  EXPECT_EQ(ChatEndpoint(Settings(server)).Complete({{"user", "x"}}, RandomKey(1)), "ok");
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST(ChatEndpoint, GivesUpAfterTheRetries) {
  ChatServer server([](const std::string&) { return Http("500 Oh", ""); });
  ChatEndpointSettings settings = Settings(server);
  settings.retries = 2;
  EXPECT_EQ(Failure(ChatEndpoint(settings)), Verdict::kBroken);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(ChatEndpoint, ARefusalIsNotRepeated) {
  ChatServer server([](const std::string&) { return Http("401 No", ""); });
  EXPECT_EQ(Failure(ChatEndpoint(Settings(server))), Verdict::kBroken);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(ChatEndpoint, WhatIsNoCompletionIsBroken) {
  std::atomic<size_t> n{0};
  const std::vector<std::string> bodies = {"",
                                           "hello",
                                           "[]",
                                           "{}",
                                           R"({"choices": []})",
                                           R"({"choices": [1]})",
                                           R"({"choices": [{"message": {"content": null}}]})",
                                           R"({"choices": [{"message": 3}]})"};
  ChatServer server([&](const std::string&) { return Http("200 OK", bodies[n]); });
  for (n = 0; n < bodies.size(); ++n)
    EXPECT_EQ(Failure(ChatEndpoint(Settings(server))), Verdict::kBroken) << bodies[n];
}

TEST(ChatEndpoint, TimeOutsAndSilence) {
  ChatEndpointSettings settings;
  {
    ChatServer server([](const std::string&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
      return Completion(R"("late")");
    });
    settings = Settings(server);
    settings.timeout = 0.2;
    settings.retries = 0;
    EXPECT_EQ(Failure(ChatEndpoint(settings)), Verdict::kTimedOut);
  }
  settings.timeout = 20;  // now nobody listens there
  EXPECT_EQ(Failure(ChatEndpoint(settings)), Verdict::kBroken);
  EXPECT_THROW(ChatEndpoint({.url = "127.0.0.1:8000", .model = "m"}), Error);
  EXPECT_THROW(ChatEndpoint({.model = ""}), Error);
}

TEST(ChatEndpoint, ARemoteUserInAConversation) {
  ChatServer server([](const std::string&) {
    return Completion(R"("{\"response\": \"oh, seven and five\", \"shard_id\": 2}")");
  });
  const ConfigNode node = ParseConfig(
      "{name: sharded, user: {name: remote, model: m, url: '" + server.url() + "'}}", "test");
  const auto maker = MakeEnvironment(&node, {});
  const auto environment = maker->Make();
  EXPECT_TRUE(environment->blocks());
  Prompt prompt;
  prompt.extra_info = R"({"question": "q", "shards": [{"shard_id": 1, "shard": "How many?"},
                          {"shard_id": 2, "shard": "Tom has 7 and 5."}]})";
  environment->Reset(prompt, RandomKey(1), RandomKey(2));
  const Reply reply = environment->Step({.text = "What are the numbers?"});
  EXPECT_EQ(reply.messages[0].content, "oh, seven and five");
  EXPECT_EQ(reply.outcome.illocution, Illocution::kUnderspecified);
  EXPECT_EQ(environment->Step({.text = "Hm."}).outcome.illocution, Illocution::kSpecified);
}

}  // namespace
}  // namespace rlvr
