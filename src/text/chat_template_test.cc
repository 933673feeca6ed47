#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/text.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
using Tokens = std::vector<int32_t>;

const std::string kFixtures = RLVR_SOURCE_DIR "/tests/reference/chat_templates/";

Json ReadTemplates() {
  std::ifstream file(kFixtures + "chat_templates.json");
  return Json::parse(file);
}

// Bytes, and the markers of Qwen3 and DeepSeek.
Tokenizer Bytes() {
  return TrainBpe(
      std::vector<std::string>{"a"},
      {.vocab_size = 256 + 8,
       .special_tokens = {"<|im_start|>", "<|im_end|>", "<think>", "</think>", "<｜User｜>",
                          "<｜Assistant｜>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"}});
}

Tokenizer With(const std::string& source) {
  Tokenizer t = Bytes();
  t.set_chat_template(ChatTemplate::FromSource(
      source, "t", {{"bos_token", "<｜begin▁of▁sentence｜>"}, {"eos_token", "<|im_end|>"}},
      t.ToJson()));
  return t;
}

Tokenizer WithModels(const std::string& name) {
  return With(ReadTemplates()[name]["chat_template"]);
}

Message MessageOf(Json json) {
  Message message{.role = json.value("role", ""), .content = "", .extra = ""};
  if (json.contains("content") && json["content"].is_string()) {
    message.content = json["content"].get<std::string>();
    json.erase("content");
  }
  json.erase("role");
  if (!json.empty()) message.extra = json.dump();
  return message;
}

// tests/reference/chat_templates/make_cases.py: what transformers rendered of real templates.
TEST(ChatTemplate, AsTransformersRendersIt) {
  const Json templates = ReadTemplates();
  std::map<std::string, std::shared_ptr<const ChatTemplate>> chats;
  for (const auto& [name, entry] : templates.items()) {
    std::map<std::string, std::string> special;
    for (const char* token : {"bos_token", "eos_token", "pad_token"}) {
      if (entry.contains(token) && entry[token].is_string()) special[token] = entry[token];
    }
    chats[name] = ChatTemplate::FromSource(entry["chat_template"], name, special, "{}");
  }
  std::ifstream file(kFixtures + "cases.jsonl");
  int64_t cases = 0, refused = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const Json row = Json::parse(line);
    std::vector<Message> messages;
    for (const Json& m : row["messages"]) messages.push_back(MessageOf(m));
    Json kwargs = row["kwargs"];
    ChatOptions options{.add_generation_prompt = row["add_generation_prompt"], .now = row["now"]};
    if (kwargs.contains("tools")) options.tools = kwargs["tools"].dump();
    kwargs.erase("tools");
    options.kwargs = kwargs.dump();
    const ChatTemplate& chat = *chats.at(row["template"].get<std::string>());
    if (row["expected"].is_null()) {
      EXPECT_THROW(chat.Render(messages, options), Error) << line;
      ++refused;
    } else {
      EXPECT_EQ(chat.Render(messages, options), row["expected"].get<std::string>()) << line;
    }
  }
  EXPECT_GE(cases, 100);
  EXPECT_LT(refused, cases / 2);
}

// The template that the models that come with the program have.
TEST(ChatTemplate, OurOwnIsChatMlTokenForToken) {
  const Tokenizer plain = Bytes(), with = With(ChatMlTemplate());
  const std::vector<Message> opening = {{"system", "Be brief.", ""}, {"user", "one two?", ""}},
                             reply = {{"tool", "3<|im_end|>", ""}, {"user", " And then?\n", ""}};
  EXPECT_EQ(EncodeOpening(with, opening), EncodeOpening(plain, opening));
  EXPECT_EQ(EncodeOpening(with, {}), EncodeOpening(plain, {}));
  for (const int32_t last : {with.TokenId("<|im_end|>"), static_cast<int32_t>('x')}) {
    EXPECT_EQ(EncodeReply(with, last, reply), EncodeReply(plain, last, reply));
    EXPECT_EQ(EncodeReply(with, last, {}), EncodeReply(plain, last, {}));
  }
}

TEST(ChatTemplate, VariablesOfItsOwn) {
  const Tokenizer t = With(
      "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
      "{{ mood if mood is defined else 'none' }}{{ more }}");
  const auto chat = t.chat_template()->With(R"({"mood": "calm", "more": 3})");
  const std::vector<Message> messages = {{"user", "x", ""}};
  EXPECT_EQ(t.chat_template()->Render(messages, {}), "x<|im_end|>none");
  EXPECT_EQ(chat->Render(messages, {}), "x<|im_end|>calm3");
  EXPECT_EQ(chat->Render(messages, {.kwargs = R"({"mood": "bad"})"}), "x<|im_end|>bad3");
  EXPECT_EQ(t.Decode(chat->EncodeAfterTurn(t, t.TokenId("<|im_end|>"), messages)),
            "x<|im_end|>calm3");
  const auto message = [&](const char* kwargs) {
    try {
      (void)t.chat_template()->With(kwargs);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(message(R"({"moo": 1})").find("does not read 'moo'"), std::string::npos);
  EXPECT_NE(message("[]").find("no JSON object"), std::string::npos);
  EXPECT_NE(message("{").find("JSON"), std::string::npos);
}

// Qwen3's switch, through the template of the model's folder.
TEST(ChatTemplate, ThinkingCanBeTurnedOff) {
  const Tokenizer t = WithModels("qwen3");
  const std::vector<Message> messages = {{"user", "x", ""}};
  const auto off = t.chat_template()->With(R"({"enable_thinking": false})");
  EXPECT_TRUE(off->Render(messages, {.add_generation_prompt = true})
                  .ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
  EXPECT_TRUE(t.chat_template()
                  ->Render(messages, {.add_generation_prompt = true})
                  .ends_with("<|im_start|>assistant\n"));
}

TEST(ChatTemplate, MarkersAreTokensWhereTheTemplateWroteThem) {
  const Tokenizer t = With(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}"
      "{{ m.content.split('>')[-1] }}<|im_end|>{% endfor %}");
  const int32_t start = t.TokenId("<|im_start|>"), end = t.TokenId("<|im_end|>");
  const std::vector<Message> messages = {{"user", " <|im_end|>x<|im_", ""},
                                         {"<|im_end|>", "end|>", ""}};
  const Tokens tokens = EncodeOpening(t, messages);
  EXPECT_EQ(t.Decode(tokens),
            "<|im_start|>user\n<|im_end|>x<|im_x<|im_<|im_end|>"
            "<|im_start|><|im_end|>\nend|><|im_end|>");
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), start), 2);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), end), 2);
}

// Half a marker by the template, half by the data, is none; a role that is a name may be part of one.
TEST(ChatTemplate, MarkersMadeOfPieces) {
  const Tokenizer t =
      With("{{ '<|' + messages[0].role + '|>' }}{{ '<|im_' + messages[0].content }}");
  const Tokens tokens = EncodeOpening(t, std::vector<Message>{{"im_end", "end|>", ""}});
  EXPECT_EQ(t.Decode(tokens), "<|im_end|><|im_end|>");
  EXPECT_EQ(tokens.size(), 1u + 10);
}

// Turns as sampled, and between them what the template writes: together, the rendered conversation.
TEST(ChatTemplate, OpeningTurnsAndRepliesAreTheRenderedConversation) {
  for (const char* name : {"qwen2.5", "qwen3", "deepseek-r1-distill-qwen"}) {
    const Tokenizer t = WithModels(name);
    const int32_t end = t.chat_template()->TurnEnd(t);
    EXPECT_EQ(t.TokenBytes(end), name[0] == 'q' ? "<|im_end|>" : "<｜end▁of▁sentence｜>");
    const std::vector<Message> opening = {{"system", "Be brief.", ""}, {"user", "one?", ""}},
                               reply = {{"user", "And then?", ""}};
    Tokens tokens = EncodeOpening(t, opening);
    const auto append = [&](const Tokens& more) {
      tokens.insert(tokens.end(), more.begin(), more.end());
    };
    append(t.Encode("Two.", false));
    tokens.push_back(end);
    append(EncodeReply(t, end, reply));
    const std::vector<Message> all = {{"system", "Be brief.", ""},
                                      {"user", "one?", ""},
                                      {"assistant", "Two.", ""},
                                      {"user", "And then?", ""}};
    std::string want = t.chat_template()->Render(all, {.add_generation_prompt = true});
    if (name[0] == 'd') {
      // As history this template drops the <think> that it opened the turn with. The conversation
      // goes on as it was sampled.
      const std::string opened = "<｜Assistant｜>";
      want.insert(want.find(opened) + opened.size(), "<think>\n");
    }
    EXPECT_EQ(t.Decode(tokens), want);
    EXPECT_EQ(tokens, t.Encode(want));
    // A turn that was cut off is ended for the policy.
    EXPECT_EQ(t.Decode(EncodeReply(t, 'x', reply)),
              t.TokenBytes(end) + t.Decode(EncodeReply(t, end, reply)));
  }
}

TEST(ChatTemplate, ATemplateThatLosesTurnsOrRefusesIsAnError) {
  const std::vector<Message> reply = {{"user", "go on", ""}};
  EXPECT_THROW(EncodeReply(With("{{ messages[-1].content }}"), 0, reply), Error);
  EXPECT_THROW(
      EncodeReply(With("{% for m in messages %}{{ m.content | upper }}{% endfor %}"), 0, reply),
      Error);
  EXPECT_THROW(EncodeReply(With("{% for m in messages %}{{ m.content }}{% endfor %}"
                                "{{ messages[1].content }}"),
                           0, reply),
               Error);
  const Tokenizer t = With(
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.content }}"
      "{% endfor %}");
  EXPECT_EQ(t.Decode(EncodeReply(t, 0, reply)), "go on");
  EXPECT_THROW(EncodeReply(t, 0, std::vector<Message>{{"tool", "1", ""}}), Error);
}

TEST(ChatTemplate, TurnEndsAreTheTemplatesWhereTheModelKnowsThem) {
  const Tokenizer t = WithModels("qwen2.5");
  const int32_t end = t.TokenId("<|im_end|>"), other = t.TokenId("<think>");
  EXPECT_EQ(TurnEndToken(t, Tokens{other, end}), end);
  EXPECT_EQ(TurnEndToken(t, Tokens{other}), other);
  EXPECT_EQ(TurnEndToken(t, {}), -1);
  EXPECT_EQ(TurnEndToken(Bytes(), Tokens{other, end}), other);
}

class ChatTemplateFolder : public testing::Test {
 protected:
  ChatTemplateFolder() : folder_(testing::TempDir() + "/chat_template") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Write("tokenizer.json", Bytes().ToJson());
  }
  ~ChatTemplateFolder() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string Rendered(const ChatOptions& options = {}) {
    return ChatTemplate::Load(folder_)->Render(std::vector<Message>{{"user", "hi", ""}}, options);
  }
  std::string folder_;
};

TEST_F(ChatTemplateFolder, IsReadWhereTransformersLooks) {
  EXPECT_EQ(ChatTemplate::Load(folder_), nullptr);
  Write("tokenizer_config.json", R"({"eos_token": "<e>"})");
  EXPECT_EQ(ChatTemplate::Load(folder_), nullptr);
  Write("chat_template.json", R"({"chat_template": "json {{ eos_token }}"})");
  EXPECT_EQ(Rendered(), "json <e>");
  Write("tokenizer_config.json",
        R"({"bos_token": {"content": "<b>", "special": true}, "eos_token": "<e>", "pad_token": null,
            "chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}"})");
  EXPECT_EQ(Rendered(), "<b><e>False");
  Write("special_tokens_map.json", R"({"eos_token": "other", "unk_token": {"content": "<u>"}})");
  Write("chat_template.jinja", "file {{ unk_token }}{{ eos_token }}\n");
  EXPECT_EQ(Rendered(), "file <u><e>");
  Write("chat_template.jinja", "{% if");
  EXPECT_THROW(ChatTemplate::Load(folder_), Error);
}

TEST_F(ChatTemplateFolder, NamedTemplates) {
  Write("tokenizer_config.json",
        R"({"chat_template": [{"name": "tool_use", "template": "tools {{ tools | length }}"},
                              {"name": "default", "template": "plain"}]})");
  EXPECT_EQ(Rendered(), "plain");
  EXPECT_EQ(Rendered({.tools = "[{}]"}), "tools 1");
  Write("tokenizer_config.json", R"({"chat_template": [{"name": "x", "template": "plain"}]})");
  EXPECT_THROW(ChatTemplate::Load(folder_), Error);
  Write("tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THROW(ChatTemplate::Load(folder_), Error);
  Write("tokenizer_config.json", "{");
  EXPECT_THROW(ChatTemplate::Load(folder_), Error);
}

TEST(ChatTemplate, WhiteSpaceThatBelongsToAMarker) {
  Json json = Json::parse(Bytes().ToJson());
  for (Json& token : json["added_tokens"]) {
    token["rstrip"] = token["content"] == "<|im_end|>";
    token["lstrip"] = token["content"] == "<think>";
  }
  const Tokenizer t = Bytes();
  const auto chat = ChatTemplate::FromSource("a<|im_end|> \nb <think> c", "t", {}, json.dump());
  EXPECT_EQ(t.Decode(chat->Encode(t, {}, {})), "a<|im_end|>b<think> c");
}

}  // namespace
}  // namespace rlvr
