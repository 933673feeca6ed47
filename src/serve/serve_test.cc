// What the server answers, over real HTTP.
#include "serve/serve.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "serve/served_test.h"
#include "serve/text_stream.h"

namespace rlvr {
namespace {

std::vector<json> Events(const std::string& stream) {
  std::vector<json> events;
  size_t begin = 0;
  for (size_t end; (end = stream.find("\n\n", begin)) != std::string::npos; begin = end + 2) {
    const std::string line = stream.substr(begin, end - begin);
    EXPECT_EQ(line.rfind("data: ", 0), 0u) << line;
    if (line == "data: [DONE]") {
      EXPECT_EQ(end + 2, stream.size()) << "something after [DONE]";
      return events;
    }
    events.push_back(json::parse(line.substr(6)));
  }
  ADD_FAILURE() << "no [DONE] at the end of " << stream;
  return events;
}

// A stream's chunks put together as the body that the same request has without stream.
json Assemble(const std::vector<json>& chunks, bool chat) {
  std::map<int, json> choices;
  json whole;
  for (const json& chunk : chunks) {
    for (const char* key : {"id", "created", "model", "object"}) {
      if (!whole.is_null() && whole.contains(key)) {
        EXPECT_EQ(whole[key], chunk[key]);
      }
      whole[key] = chunk[key];
    }
    if (chunk.contains("usage") && !chunk["usage"].is_null()) whole["usage"] = chunk["usage"];
    for (const json& c : chunk["choices"]) {
      json& choice = choices[c["index"].get<int>()];
      if (choice.is_null())
        choice = {{"index", c["index"]}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
      EXPECT_TRUE(choice["finish_reason"].is_null()) << "a chunk after the last one";
      choice["finish_reason"] = c["finish_reason"];
      std::string piece;
      if (chat) {
        if (c["delta"].contains("role")) choice["message"]["role"] = c["delta"]["role"];
        piece = c["delta"].value("content", "");
        choice["message"]["content"] = choice["message"].value("content", "") + piece;
      } else {
        piece = c["text"];
        choice["text"] = choice.value("text", "") + piece;
      }
      EXPECT_TRUE(IsUtf8(piece));
      if (c["logprobs"].is_null()) continue;
      for (const auto& [key, list] : c["logprobs"].items()) {
        json& all = choice["logprobs"][key];
        if (list.is_array())
          for (const json& entry : list) all.push_back(entry);
      }
    }
  }
  for (auto& [index, choice] : choices) whole["choices"].push_back(choice);
  return whole;
}

json Stream(const Served& served, const std::string& path, json body) {
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const auto [status, text] = served.Post(path, body);
  EXPECT_EQ(status, 200) << text;
  return Assemble(Events(text), path == kChat);
}

// What does not depend on when the request came.
json Timeless(json body) {
  for (const char* key : {"id", "created", "object"}) body.erase(key);
  return body;
}

TEST(Serve, Chat) {
  const Served served;
  const json body = served.Ok(kChat, {{"model", "tiny"},
                                      {"messages", kMessages},
                                      {"n", 2},
                                      {"seed", 5},
                                      {"max_tokens", 9},
                                      {"logprobs", true},
                                      {"top_logprobs", 3}});
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["model"], "tiny");
  EXPECT_EQ(body["id"].get<std::string>().rfind("chatcmpl-", 0), 0u);
  EXPECT_NEAR(body["created"].get<double>(), static_cast<double>(time(nullptr)), 100);
  ASSERT_EQ(body["choices"].size(), 2u);
  const auto prompt = ThePolicy().tokenizer.Encode("one two").size();  // it has no template
  int64_t sampled = 0;
  for (const json& c : body["choices"]) {
    EXPECT_EQ(c["message"]["role"], "assistant");
    const json& content = c["logprobs"]["content"];
    const bool stop = c["finish_reason"] == "stop";
    EXPECT_TRUE(stop || c["finish_reason"] == "length");
    EXPECT_TRUE(stop ? content.size() <= 9 : content.size() == 9) << content.size();
    sampled += static_cast<int64_t>(content.size());
    std::string bytes;
    for (const json& t : content) {
      for (const json& b : t["bytes"]) bytes += static_cast<char>(b.get<int>());
      ASSERT_EQ(t["top_logprobs"].size(), 3u);
      EXPECT_LE(t["logprob"], t["top_logprobs"][0]["logprob"]);
      EXPECT_GE(t["top_logprobs"][1]["logprob"], t["top_logprobs"][2]["logprob"]);
      EXPECT_LE(t["top_logprobs"][0]["logprob"], 0);
    }
    if (stop) bytes.erase(bytes.find("<|endoftext|>"));
    if (IsUtf8(bytes)) {
      EXPECT_EQ(c["message"]["content"], bytes);
    }
  }
  EXPECT_EQ(body["usage"], (json{{"prompt_tokens", prompt},
                                 {"completion_tokens", sampled},
                                 {"total_tokens", prompt + sampled}}));
}

TEST(Serve, StreamingEqualsNotStreaming) {
  const Served served;
  for (const json& extra : {json::object(), json{{"logprobs", true}, {"top_logprobs", 2}},
                            json{{"n", 3}}, json{{"stop", {"e", "\n"}}}, json{{"temperature", 0}},
                            json{{"top_p", 0.5}, {"top_k", 9}}}) {
    json body = {{"messages", kMessages}, {"seed", 3}, {"max_tokens", 40}};
    body.update(extra);
    EXPECT_EQ(Timeless(Stream(served, kChat, body)), Timeless(served.Ok(kChat, body))) << extra;
  }
  for (const json& extra :
       {json::object(), json{{"logprobs", 2}}, json{{"prompt", {"a", "bc"}}, {"n", 2}},
        json{{"echo", true}}, json{{"echo", true}, {"logprobs", 0}, {"n", 2}},
        json{{"echo", true}, {"logprobs", 1}, {"max_tokens", 0}}, json{{"max_tokens", 0}}}) {
    json body = {{"prompt", "one, two"}, {"seed", 3}, {"max_tokens", 40}};
    body.update(extra);
    EXPECT_EQ(Timeless(Stream(served, kCompletion, body)), Timeless(served.Ok(kCompletion, body)))
        << extra;
  }
}

// The seed alone decides; a prompt of a list is sampled as alone; the samples are Rollout's.
TEST(Serve, Seeds) {
  const Served served;
  const auto text = [&](json body) {
    body["max_tokens"] = 30;
    std::vector<std::string> texts;
    const json whole = served.Ok(kCompletion, body);
    for (const json& c : whole["choices"]) texts.push_back(c["text"]);
    return texts;
  };
  const auto one = text({{"prompt", "one"}, {"seed", -4}, {"n", 2}});
  EXPECT_NE(one[0], one[1]);
  EXPECT_EQ(text({{"prompt", "one"}, {"seed", -4}, {"n", 2}}), one);
  EXPECT_NE(text({{"prompt", "one"}, {"seed", -5}, {"n", 2}}), one);
  EXPECT_NE(text({{"prompt", "one"}}), text({{"prompt", "one"}}));
  const auto list = text({{"prompt", {"two", "one"}}, {"seed", -4}, {"n", 2}});
  EXPECT_EQ(std::vector(list.begin() + 2, list.end()), one);

  RolloutRequest r;
  r.tree.segments.push_back({.tokens = ThePolicy().tokenizer.Encode("one")});
  r.num_samples = 2;
  r.key = StreamKey(static_cast<uint64_t>(-4), Stream::kGenerate)[0];
  RolloutOptions options;
  options.max_tokens = 30;
  std::vector<RolloutRequest> requests{std::move(r)};
  const auto trees = Rollout(ThePolicy().model, ThePolicy().tokenizer, options, requests);
  for (size_t i = 0; i < 2; ++i) {
    TextStream stream(ThePolicy().tokenizer, {});
    std::string expected;
    for (const int32_t t : trees[0].ResponseTokens(trees[0].leaves[i])) expected += stream.Push(t);
    EXPECT_EQ(expected + stream.Flush(), one[i]);
  }
}

// lm_eval's way: the prompt as ids, echoed with its log-probs, and one token more. The same bits as
// the training forward has.
TEST(Serve, EchoedLogprobsAreTrainings) {
  const Served served;
  std::vector<int32_t> prompt = Requests(6)[5].tree.segments[0].tokens;
  json body = {{"prompt", json::array({prompt})},
               {"temperature", 0},
               {"max_tokens", 1},
               {"logprobs", 1},
               {"echo", true},
               {"seed", 1}};
  const json choice = served.Ok(kCompletion, body)["choices"][0];
  const json& logprobs = choice["logprobs"];
  for (const char* key : {"tokens", "token_logprobs", "top_logprobs", "text_offset"})
    ASSERT_EQ(logprobs[key].size(), prompt.size() + 1) << key;
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null() && logprobs["top_logprobs"][0].is_null());

  Tree tree;
  tree.segments.push_back({.tokens = {prompt[0]}});
  Segment scored{
      .parent = 0, .author = Author::kPolicy, .tokens = {prompt.begin() + 1, prompt.end()}};
  // Its log-probs are what the server says; the training forward must find the same.
  for (size_t t = 1; t < prompt.size(); ++t)
    scored.logp.push_back(logprobs["token_logprobs"][t].get<float>());
  KvCache cache(ThePolicy().model.config(), ThePolicy().model.compute());
  tree.segments.push_back(std::move(scored));
  const Tree* trees[] = {&tree};
  const PackedTrees packed = PackTrees(trees, Author::kPolicy, &cache);
  const int64_t T = packed.batch.size(), D = ThePolicy().model.config().hidden_size;
  AlignedBuffer<float> hidden(T * D);
  Workspace workspace;
  Activations saved;
  std::vector<float> logp(static_cast<size_t>(T - 1));
  const Statistic wanted[] = {Statistic::kLogp};
  {
    Forward(ThePolicy().model, packed.batch, cache, workspace, &saved, {hidden.data(), T, D});
    HeadForward(ThePolicy().model, View<const float>(hidden.data(), T - 1, D),
                std::span(prompt).subspan(1), 1.0f, wanted, {logp});
  }
  EXPECT_EQ(Bits(tree.segments[1].logp), Bits(logp));
  EXPECT_EQ(
      choice["text"].get<std::string>().rfind(ToUtf8(ThePolicy().tokenizer.Decode(prompt)), 0), 0u);
  // The greedy token is the likeliest.
  EXPECT_EQ(logprobs["top_logprobs"].back().size(), 1u);
  EXPECT_TRUE(logprobs["top_logprobs"].back().contains(logprobs["tokens"].back()));
  // As text the same prompt scores the same.
  body["prompt"] = "one two three, and so on";
  const json as_text = served.Ok(kCompletion, body)["choices"][0]["logprobs"];
  body["prompt"] = ThePolicy().tokenizer.Encode("one two three, and so on");
  EXPECT_EQ(served.Ok(kCompletion, body)["choices"][0]["logprobs"], as_text);
  const std::string text = "one two three, and so on";
  for (size_t t = 0; t + 1 < as_text["tokens"].size(); ++t) {
    const std::string token = as_text["tokens"][t];
    EXPECT_EQ(text.substr(as_text["text_offset"][t].get<size_t>(), token.size()), token);
  }
}

// Two tokens make the stop string, or more; no part of it is ever sent.
TEST(Serve, StopStringsAcrossTokens) {
  const Served served;
  json body = {{"prompt", "one"}, {"seed", 8}, {"max_tokens", 60}};
  const std::string whole = served.Ok(kCompletion, body)["choices"][0]["text"];
  size_t begin = 10;
  while (!IsUtf8(whole.substr(begin, 4)) || whole.find(whole.substr(begin, 4)) != begin)
    ASSERT_LT(++begin, whole.size() - 4);
  body["stop"] = whole.substr(begin, 4);
  const json cut = served.Ok(kCompletion, body)["choices"][0];
  EXPECT_EQ(cut["text"], whole.substr(0, begin));
  EXPECT_EQ(cut["finish_reason"], "stop");
  EXPECT_EQ(Stream(served, kCompletion, body)["choices"][0]["text"], whole.substr(0, begin));
}

TEST(Serve, SixtyFourStreamsAreThoseOfOneAtATime) {
  const int n = 64;
  const auto body = [](int i) {
    json b = {{"prompt", std::string(static_cast<size_t>(1 + 7 * i % 90), 'a') + " one"},
              {"seed", i},
              {"max_tokens", 16 + i % 9},
              {"logprobs", 1}};
    if (i % 5 == 0) b["stop"] = {"e"};
    if (i % 7 == 0) b["temperature"] = 0.7;
    if (i % 11 == 0) b["n"] = 2;
    return b;
  };
  std::vector<json> together(n), alone(n);
  {
    const Served served(
        {.engine = {.max_sequences = 40, .max_waiting = 100, .prefill_tokens = 64}});
    std::vector<std::thread> clients;
    for (int i = 0; i < n; ++i)
      clients.emplace_back(
          [&, i] { together[i] = Timeless(Stream(served, kCompletion, body(i))); });
    for (std::thread& c : clients) c.join();
    EXPECT_GE(served.server->stats().most_running, 20);
    EXPECT_EQ(served.server->stats().running, 0);
  }
  const Served served({.engine = {.max_sequences = 2}});
  for (int i = 0; i < n; ++i) {
    alone[i] = Timeless(Stream(served, kCompletion, body(i)));
    EXPECT_EQ(together[i], alone[i]) << i;
  }
}

}  // namespace
}  // namespace rlvr
