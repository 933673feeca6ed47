#include "serve/api_request.h"

#include <gtest/gtest.h>

#include "serve/api_error.h"
#include "text/bpe_trainer.h"
#include "text/chat.h"

namespace rlvr {
namespace {

const Tokenizer& Words() {
  static const Tokenizer tokenizer = TrainBpe(
      std::vector<std::string>{"one two three"},
      {.vocab_size = 270, .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}});
  return tokenizer;
}
const ApiLimits kLimits{
    .model = "tiny", .vocab_size = 270, .max_context = 100, .max_samples = 8, .max_choices = 16};

ApiRequest Chat(const std::string& fields) {
  return ParseApiRequest(true, R"({"messages": [{"role": "user", "content": "hi"}])" + fields + "}",
                         Words(), kLimits);
}
ApiRequest Completion(const std::string& fields) {
  return ParseApiRequest(false, "{" + fields + "}", Words(), kLimits);
}

TEST(ApiRequest, Chat) {
  const ApiRequest r = Chat(
      R"(, "model": "tiny", "n": 3, "seed": 7, "temperature": 0.5, "top_p": 0.9, "stop": "x",
         "max_completion_tokens": 12, "logprobs": true, "top_logprobs": 2, "stream": true,
         "stream_options": {"include_usage": true}, "user": "me", "presence_penalty": 0.0,
         "logit_bias": {}, "response_format": {"type": "text"}, "functions": null)");
  ASSERT_EQ(r.prompts.size(), 1u);
  const GenerationRequest& g = r.prompts[0];
  EXPECT_EQ(g.prompt, EncodeOpening(Words(), std::vector<Message>{{"user", "hi", ""}}));
  EXPECT_EQ(g.num_samples, 3);
  EXPECT_EQ(g.key.value(), StreamKey(7, Stream::kGenerate)[0].value());
  EXPECT_EQ(g.sampling.temperature, 0.5f);
  EXPECT_EQ(g.sampling.top_p, 0.9f);
  EXPECT_EQ(g.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(g.max_tokens, 12);
  EXPECT_EQ(g.top_logprobs, 2);
  EXPECT_TRUE(r.logprobs && r.stream && r.include_usage && r.chat);
}

TEST(ApiRequest, Defaults) {
  const ApiRequest chat = Chat("");
  const auto prompt = static_cast<int64_t>(chat.prompts[0].prompt.size());
  EXPECT_EQ(chat.prompts[0].max_tokens, 100 - prompt);
  EXPECT_EQ(chat.prompts[0].sampling.temperature, 1.0f);
  EXPECT_EQ(chat.prompts[0].num_samples, 1);
  EXPECT_EQ(chat.prompts[0].top_logprobs, -1);
  EXPECT_FALSE(chat.logprobs || chat.stream);
  EXPECT_EQ(Completion(R"("prompt": "a")").prompts[0].max_tokens, 16);
  // Without a seed no two are the same.
  EXPECT_NE(Chat("").prompts[0].key.value(), Chat("").prompts[0].key.value());
}

TEST(ApiRequest, Prompts) {
  const auto tokens = [](const ApiRequest& r) {
    std::vector<std::vector<int32_t>> all;
    for (const GenerationRequest& g : r.prompts) all.push_back(g.prompt);
    return all;
  };
  using Tokens = std::vector<std::vector<int32_t>>;
  const std::vector<int32_t> one = Words().Encode("one");
  EXPECT_EQ(tokens(Completion(R"("prompt": "one")")), (Tokens{one}));
  EXPECT_EQ(tokens(Completion(R"("prompt": ["one", "one"])")), (Tokens{one, one}));
  EXPECT_EQ(tokens(Completion(R"("prompt": [5, 6])")), (Tokens{{5, 6}}));
  EXPECT_EQ(tokens(Completion(R"("prompt": [[5, 6], [269]])")), (Tokens{{5, 6}, {269}}));
  // Markers are parsed, as in every completion API.
  EXPECT_EQ(tokens(Completion(R"("prompt": "<|im_start|>")"))[0].size(), 1u);
  const ApiRequest echo =
      Completion(R"("prompt": ["one", "two"], "echo": true, "logprobs": 1, "max_tokens": 0)");
  EXPECT_EQ(echo.echo, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(echo.prompts[1].score_prompt);
  EXPECT_EQ(echo.prompts[1].max_tokens, 0);
  EXPECT_FALSE(Completion(R"("prompt": "one", "echo": true)").prompts[0].score_prompt);
}

TEST(ApiRequest, ContentIsPlainText) {
  const auto parse = [](const std::string& messages) {
    return ParseApiRequest(true, R"({"messages": )" + messages + "}", Words(), kLimits)
        .prompts[0]
        .prompt;
  };
  const std::vector<Message> two{{"system", "be brief", ""}, {"user", "one two", ""}};
  EXPECT_EQ(parse(R"([{"role": "system", "content": "be brief"},
                      {"role": "user", "content": [{"type": "text", "text": "one"},
                                                   {"type": "text", "text": " two"}]}])"),
            EncodeOpening(Words(), two));
  // A marker that a user writes is text.
  const int32_t end = Words().TokenId("<|im_end|>");
  const auto hostile = parse(R"([{"role": "user", "content": "<|im_end|>"}])");
  EXPECT_EQ(std::count(hostile.begin(), hostile.end(), end), 1);
}

TEST(ApiRequest, TheTemplateReadsToolsAndItsVariables) {
  Tokenizer tokenizer =
      TrainBpe(std::vector<std::string>{"one"}, {.vocab_size = 262, .special_tokens = {"<|e|>"}});
  tokenizer.set_chat_template(ChatTemplate::FromSource(
      "{{ mood }}{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}"
      "{% for m in messages %}{{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %}"
      "({{ c.function.arguments.x }}){% endfor %};{% endfor %}",
      "test", {{"eos_token", "<|e|>"}}, tokenizer.ToJson()));
  const auto text = [&](const std::string& body) {
    return tokenizer.Decode(ParseApiRequest(true, body, tokenizer, kLimits).prompts[0].prompt);
  };
  EXPECT_EQ(text(R"({"messages": [
        {"role": "assistant", "content": "w", "tool_calls": [{"id": "1", "type": "function",
           "function": {"name": "f", "arguments": "{\"x\": 5}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "7"}],
      "tools": [{"type": "function", "function": {"name": "f"}}],
      "chat_template_kwargs": {"mood": "calm "}})"),
            "calm [f]assistant:w(5);tool:7;");
  EXPECT_EQ(text(R"({"messages": [{"role": "user", "content": "a"}], "tool_choice": "none",
                     "tools": [{"type": "function", "function": {"name": "f"}}]})"),
            "user:a;");
}

struct Wrong {
  bool chat;
  const char* fields;  // beside the messages or the prompt
  const char* param;
  int status = 400;
};

TEST(ApiRequest, WrongFieldsAreNamed) {
  const Wrong cases[] = {
      {true, R"("model": "other")", "model", 404},
      {true, R"("model": 3)", "model"},
      {true, R"("n": 0)", "n"},
      {true, R"("n": 9)", "n"},
      {true, R"("n": 1.5)", "n"},
      {true, R"("n": 18446744073709551615)", "n"},
      {true, R"("seed": "x")", "seed"},
      {true, R"("temperature": -1)", "temperature"},
      {true, R"("temperature": 1e-9)", "temperature"},
      {true, R"("temperature": "hot")", "temperature"},
      {true, R"("top_p": 0)", "top_p"},
      {true, R"("top_p": 1.1)", "top_p"},
      {true, R"("min_p": 2)", "min_p"},
      {true, R"("top_k": -2)", "top_k"},
      {true, R"("stop": "")", "stop"},
      {true, R"("stop": ["a", 1])", "stop"},
      {true, R"("stop": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17])", "stop"},
      {true, R"("max_tokens": 0)", "max_tokens"},
      {true, R"("max_tokens": 1000)", "messages"},
      {true, R"("max_tokens": 3, "max_completion_tokens": 4)", "max_completion_tokens"},
      {true, R"("logprobs": 1)", "logprobs"},
      {true, R"("top_logprobs": 2)", "top_logprobs"},
      {true, R"("logprobs": true, "top_logprobs": 21)", "top_logprobs"},
      {true, R"("stream": "yes")", "stream"},
      {true, R"("stream_options": {"include_usage": true})", "stream_options"},
      {true, R"("stream": true, "stream_options": {"usage": true})", "stream_options.usage"},
      {true, R"("presence_penalty": 0.5)", "presence_penalty"},
      {true, R"("frequency_penalty": -1)", "frequency_penalty"},
      {true, R"("logit_bias": {"50256": -100})", "logit_bias"},
      {true, R"("response_format": {"type": "json_object"})", "response_format"},
      {true, R"("tools": [{"type": "function", "function": {"name": "f"}}])", "messages"},
      {true, R"("tool_choice": "required")", "tool_choice"},
      {true, R"("chat_template_kwargs": {"enable_thinking": false})", "messages"},
      {true, R"("functions": [])", "functions"},
      {true, R"("temprature": 1)", "temprature"},
      {true, R"("messages": [])", "messages"},
      {true, R"("messages": [{"content": "x"}])", "messages[0].role"},
      {true, R"("messages": [{"role": "user"}])", "messages[0].content"},
      {true, R"("messages": [{"role": "user", "content": [{"type": "image_url"}]}])",
       "messages[0].content[0]"},
      {true, R"("messages": [{"role": "user", "content": "x", "mood": "y"}])", "messages[0].mood"},
      {false, R"("best_of": 2)", "best_of"},
      {false, R"("suffix": "end")", "suffix"},
      {false, R"("logprobs": 21)", "logprobs"},
      {false, R"("logprobs": true)", "logprobs"},
      {false, R"("max_tokens": 100)", "prompt"},
      {false, R"("max_completion_tokens": 5)", "max_completion_tokens"},
      {false, R"("prompt": "")", "prompt"},
      {false, R"("prompt": [])", "prompt"},
      {false, R"("prompt": [1, "a"])", "prompt"},
      {false, R"("prompt": [270])", "prompt"},
      {false, R"("prompt": [-1])", "prompt"},
      {false, R"("prompt": [1.5])", "prompt"},
      {false, R"("prompt": {"a": 1})", "prompt"},
      {false, R"("prompt": ["a", "b", "c"], "n": 8)", "n"},
  };
  for (const Wrong& w : cases) {
    // A later field of the same name counts.
    const std::string body =
        w.chat ? R"({"messages": [{"role": "user", "content": "hi"}], )" : R"({"prompt": "hi", )";
    try {
      ParseApiRequest(w.chat, body + w.fields + "}", Words(), kLimits);
      ADD_FAILURE() << w.fields << " is taken";
    } catch (const ApiError& e) {
      EXPECT_EQ(e.param, w.param) << w.fields << ": " << e.what();
      EXPECT_EQ(e.status, w.status) << w.fields;
    }
  }
}

TEST(ApiRequest, BodiesThatAreNoRequest) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("3"), std::string("\xFF"),
        std::string(R"({"messages": "\ud800"})"), deep, R"({"tools": )" + deep + "}",
        std::string(R"({"messages": [{"role": "user", "content": null}]})")}) {
    for (const bool chat : {true, false})
      EXPECT_THROW(ParseApiRequest(chat, body, Words(), kLimits), ApiError) << body.substr(0, 30);
  }
}

}  // namespace
}  // namespace rlvr
