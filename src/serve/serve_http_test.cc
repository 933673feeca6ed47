// What is wrong, hostile or gone: keys, paths, bytes that are no HTTP, clients that leave, a full queue.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "serve/raw_client_test.h"
#include "serve/served_test.h"

namespace rlvr {
namespace {

using std::chrono::milliseconds;

TEST(Serve, ModelsAndHealth) {
  const Served served({.max_context = 300});
  auto client = served.Client();
  const json models = json::parse(client.Get("/v1/models")->body);
  EXPECT_EQ(models["data"][0]["id"], "tiny");
  EXPECT_EQ(models["data"][0]["object"], "model");
  EXPECT_EQ(models["data"][0]["max_model_len"], 300);
  EXPECT_EQ(json::parse(client.Get("/v1/models/tiny")->body), models["data"][0]);
  EXPECT_EQ(client.Get("/v1/models/other")->status, 404);
  EXPECT_EQ(json::parse(client.Get("/health")->body)["status"], "ok");
  EXPECT_EQ(served.Post(kCompletion, {{"prompt", "a"}, {"max_tokens", 300}}).first, 400);
  EXPECT_EQ(served.Post(kCompletion, {{"prompt", "a"}, {"max_tokens", 299}}).first, 200);
  EXPECT_THROW(Served({.max_context = 2001}), std::exception);
  EXPECT_THROW(Served({.port = served.server->port()}), std::exception);
}

TEST(Serve, ApiKey) {
  const Served served({.api_key = "secret"});
  auto client = served.Client();
  EXPECT_EQ(client.Get("/health")->status, 200);
  for (const char* key : {"", "Bearer ", "Bearer secre", "Bearer secrets", "secret"}) {
    const auto reply = client.Get("/v1/models", {{"Authorization", key}});
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 401) << key;
    EXPECT_EQ(json::parse(reply->body)["error"]["code"], "invalid_api_key");
  }
  EXPECT_EQ(served.Post(kChat, {{"messages", kMessages}}).first, 401);
  client.set_bearer_token_auth("secret");
  EXPECT_EQ(client.Get("/v1/models")->status, 200);
}

TEST(Serve, ErrorsOfRequests) {
  const Served served({.max_body = 5000});
  auto client = served.Client();
  const auto expect = [](const httplib::Result& reply, int status, const char* words) {
    ASSERT_TRUE(reply) << words;
    EXPECT_EQ(reply->status, status) << reply->body;
    EXPECT_EQ(reply->get_header_value("Content-Type"), "application/json");
    const json error = json::parse(reply->body)["error"];
    EXPECT_NE(error["message"].get<std::string>().find(words), std::string::npos) << reply->body;
    EXPECT_TRUE(error.contains("type") && error.contains("param") && error.contains("code"));
  };
  const char* const kJson = "application/json";
  expect(client.Post(kChat, "{\"messages\": [", kJson), 400, "no JSON");
  expect(client.Post(kChat, "", kJson), 400, "no JSON");
  expect(client.Post(kChat, json{{"messages", kMessages}, {"tempurature", 1}}.dump(), kJson), 400,
         "did you mean 'temperature'");
  expect(client.Post(kChat, json{{"messages", kMessages}, {"model", "gpt-4"}}.dump(), kJson), 404,
         "no model 'gpt-4'");
  expect(client.Post(kChat, "{}", "text/plain"), 415, "Content-Type");
  expect(client.Post(kChat, {{"Content-Encoding", "gzip"}}, "{}", kJson), 415, "Content-Encoding");
  expect(client.Post("/v1/embeddings", "{}", kJson), 404, "/v1/chat/completions");
  expect(client.Get("/"), 404, "there is no GET /");
  expect(client.Get(kChat), 405, "POST");
  expect(client.Post("/v1/models", "{}", kJson), 405, "GET");
  expect(client.Delete("/v1/models/tiny"), 405, "GET or POST");
  expect(client.Post(kChat, std::string(5001, ' '), kJson), 413, "5000");
  expect(client.Post(
             kChat,
             [](size_t offset, httplib::DataSink& sink) {
               if (offset > 20000) return sink.done(), true;
               const std::string piece(1000, ' ');
               return sink.write(piece.data(), piece.size());
             },
             kJson),
         413, "5000");
  // The server is as well as before.
  EXPECT_EQ(served.Post(kCompletion, {{"prompt", "a"}, {"max_tokens", 2}}).first, 200);
}

TEST(Serve, BytesThatAreNoHttp) {
  const Served served;
  const std::string long_value(8000, '1');
  for (const std::string& bytes : {
           std::string("\r\n\r\n"),
           std::string("hello\r\n\r\n"),
           std::string(200000, 'a'),
           "GET /" + std::string(100000, 'a') + " HTTP/1.1\r\n\r\n",
           "GET /health HTTP/1.1\r\nA: " + std::string(100000, 'b') + "\r\n\r\n",
           std::string("POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: 99999999999999999999\r\n\r\n{}"),
           std::string("POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: -1\r\n\r\n{}"),
           std::string("POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}"),
           std::string("POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
           std::string("POST /v1/completions HTTP/1.1\r\nContent-Type: multipart/form-data; "
                       "boundary=x\r\nContent-Length: 4\r\n\r\n--x\r\n"),
           "GET /health HTTP/1.1\r\nRange: bytes=" + long_value + "-\r\n\r\n",
       }) {
    RawClient client(served.server->port());
    client.Send(bytes);
    client.EndSending();
    const std::string reply = client.ReadAll();
    if (!reply.empty()) {
      EXPECT_EQ(reply.rfind("HTTP/1.1 4", 0), 0u) << bytes.substr(0, 40) << ": " << reply;
    }
  }
  RawClient(served.server->port()).Send("POST /v1/completions HTTP/1.1\r\nContent-Le");  // and goes
  EXPECT_EQ(served.Post(kCompletion, {{"prompt", "a"}, {"max_tokens", 2}}).first, 200);
}

std::string Endless(bool stream) {
  const json body = {{"prompt", "a"}, {"temperature", 0}, {"max_tokens", 1900}, {"stream", stream}};
  return "POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.dump().size()) + "\r\n\r\n" + body.dump();
}

bool Becomes(const Served& served, int64_t running, int64_t waiting) {
  for (int i = 0; i < 5000; ++i) {
    const EngineStats s = served.server->stats();
    if (s.running == running && s.waiting == waiting) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return false;
}

TEST(Serve, AClientThatLeavesFreesItsPlace) {
  const Served served({.engine = {.max_sequences = 1, .max_waiting = 1}});
  for (const bool stream : {true, false}) {
    auto first = std::make_unique<RawClient>(served.server->port());
    first->Send(Endless(stream));
    if (stream) {
      EXPECT_NE(first->ReadUntil("data: ").find("200"), std::string::npos);
    }
    ASSERT_TRUE(Becomes(served, 1, 0));
    auto second = std::make_unique<RawClient>(served.server->port());
    second->Send(Endless(true));
    ASSERT_TRUE(Becomes(served, 1, 1));
    // The third finds no room.
    auto client = served.Client();
    const auto full = client.Post(kCompletion, R"({"prompt": "a"})", "application/json");
    EXPECT_EQ(full->status, 429) << full->body;
    EXPECT_EQ(full->get_header_value("Retry-After"), "1");
    first.reset();
    EXPECT_NE(second->ReadUntil("data: ").find("200"), std::string::npos);
    second.reset();
    ASSERT_TRUE(Becomes(served, 0, 0));
  }
}

TEST(Serve, StoppingEndsRequestsWithAnError) {
  auto served = std::make_unique<Served>();
  RawClient stream(served->server->port()), whole(served->server->port()),
      idle(served->server->port());
  stream.Send(Endless(true));
  whole.Send(Endless(false));
  stream.ReadUntil("data: ");
  ASSERT_TRUE(Becomes(*served, 2, 0));
  served.reset();
  EXPECT_NE(stream.ReadAll().find("data: {\"error\":"), std::string::npos);
  EXPECT_EQ(whole.ReadAll().rfind("HTTP/1.1 503", 0), 0u);
  EXPECT_EQ(idle.ReadAll(), "");
}

TEST(Serve, Loopback) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost", "::1"})
    EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "192.168.1.2", "example.org"})
    EXPECT_FALSE(IsLoopback(host)) << host;
}

}  // namespace
}  // namespace rlvr
