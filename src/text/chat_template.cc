#include "text/chat_template.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/chat_markers.h"
#include "text/jinja/jinja.h"

namespace rlvr {
namespace {

using ChatJson = nlohmann::ordered_json;
using jinja::Value;

constexpr std::array kSpecialTokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
constexpr const char* kConversation = "the conversation";

// Of what JSON is wrong in what a caller gave.
Value Parsed(const std::string& json, jinja::Origin origin, const std::string& what) {
  try {
    return jinja::ParseJson(json, origin);
  } catch (const jinja::Failure& failure) {
    throw Error(what, failure.what, "give it as JSON");
  }
}

Value MessageValue(const Message& message, jinja::Origin origin) {
  jinja::Dict dict;
  // Some templates make markers of roles; one that is no name is text like any other.
  const bool name = std::all_of(message.role.begin(), message.role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  dict.Set(Value::MakeString("role"),
           Value(jinja::Text(message.role, name ? jinja::kFromTemplate : origin)));
  dict.Set(Value::MakeString("content"), Value(jinja::Text(message.content, origin)));
  if (!message.extra.empty()) {
    const Value extra = Parsed(message.extra, jinja::kFromData, "a message's further fields");
    if (!extra.is_dict())
      throw Error("a message's further fields", "are no JSON object", "give them as one");
    for (const auto& [key, value] : extra.dict().items) {
      if (key.text().bytes != "role") dict.Set(key, value);
    }
  }
  // transformers gives what was thought under the names that templates know it by.
  Value thought;
  for (const std::string key : {"reasoning_content", "thinking", "reasoning"}) {
    const Value* found = dict.Find(key);
    if (found == nullptr || found->is_none()) continue;
    thought = *found;
    break;
  }
  if (!thought.is_none()) {
    if (dict.Find(std::string("thinking")) == nullptr)
      dict.Set(Value::MakeString("thinking"), thought);
    dict.Set(Value::MakeString("reasoning_content"), thought);
  }
  return Value::MakeDict(std::move(dict));
}

struct Source {
  std::string text, place;
};

ChatJson ReadJson(const std::string& path) {
  try {
    return ChatJson::parse(ReadFile(path));
  } catch (const nlohmann::json::exception& e) {
    throw Error(path, std::string("is no JSON: ") + e.what(), "download or save it again");
  }
}

// "chat_template": text, or [{"name", "template"}]. [0] is the default, [1] for tools, if any.
std::vector<Source> SourcesIn(const ChatJson& json, const std::string& place) {
  if (!json.is_object() || !json.contains("chat_template") || json["chat_template"].is_null())
    return {};
  const ChatJson& value = json["chat_template"];
  const std::string where = place + ": chat_template";
  if (value.is_string()) return {{value.get<std::string>(), where}};
  if (!value.is_array()) throw Error(where, "is neither text nor a list", "save the model again");
  std::vector<Source> sources(1);
  for (const auto& named : value) {
    if (!named.is_object() || !named.value("name", ChatJson()).is_string() ||
        !named.value("template", ChatJson()).is_string())
      throw Error(where, "an entry has no name or no template", "save the model again");
    const auto name = named["name"].get<std::string>();
    const Source source{named["template"].get<std::string>(), where + " '" + name + "'"};
    if (name == "default") sources[0] = source;
    if (name == "tool_use") sources.push_back(source);
  }
  if (sources[0].place.empty())
    throw Error(where, "has no template of name 'default'", "add one to the list");
  return sources;
}

}  // namespace

struct ChatTemplate::Impl {
  std::string source;  // of the default
  std::string all_sources;
  std::vector<jinja::Template> templates;  // [0] the default, [1] for tools, if any
  std::vector<std::pair<std::string, Value>> special_tokens;
  ChatMarkers markers;

  Impl(const std::vector<Source>& sources, const std::map<std::string, std::string>& special,
       const std::string& tokenizer_json, const std::string& tokenizer_place)
      : source(sources[0].text), markers(tokenizer_json, tokenizer_place) {
    for (const Source& s : sources) {
      templates.emplace_back(s.text, s.place);
      all_sources += s.text + "\n";
    }
    for (const auto& [name, token] : special)
      special_tokens.emplace_back(name, Value::MakeString(token));
  }

  // True if the name stands in a template as a word.
  bool Mentions(const std::string& name) const {
    const auto in_word = [&](size_t at) {
      const char c = at < all_sources.size() ? all_sources[at] : ' ';
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    for (size_t at = 0; (at = all_sources.find(name, at)) != std::string::npos; ++at) {
      if ((at == 0 || !in_word(at - 1)) && !in_word(at + name.size())) return true;
    }
    return false;
  }

  jinja::Rendered Render(std::vector<Value> messages, const ChatOptions& options) const {
    auto variables = special_tokens;
    const auto set = [&](const std::string& name, Value value) {
      for (auto& [key, old] : variables) {
        if (key != name) continue;
        old = std::move(value);
        return;
      }
      variables.emplace_back(name, std::move(value));
    };
    set("messages", Value::MakeList(std::move(messages)));
    const Value tools = options.tools.empty()
                            ? Value()
                            : Parsed(options.tools, jinja::kFromData, "the list of tools");
    set("tools", tools);
    set("documents", Value());
    set("add_generation_prompt", Value(options.add_generation_prompt));
    if (!options.kwargs.empty()) {
      const Value kwargs = Parsed(options.kwargs, jinja::kFromTemplate, "the template's variables");
      if (!kwargs.is_dict())
        throw Error("the template's variables", "are no JSON object", "give them as one");
      for (const auto& [key, value] : kwargs.dict().items) set(key.text().bytes, value);
    }
    const bool tool_use = templates.size() > 1 && !tools.is_none();
    return templates[tool_use ? 1 : 0].Render(variables, options.now);
  }

  // What follows an assistant's turn.
  jinja::Text AfterTurn(std::span<const Message> messages, const ChatOptions& options) const {
    std::vector<Value> values = {
        MessageValue({.role = "user", .content = "question"}, jinja::kFromData),
        MessageValue({.role = "assistant", .content = "answer"}, jinja::kFromStandIn)};
    for (const Message& m : messages) values.push_back(MessageValue(m, jinja::kFromData));
    const jinja::Text text = Render(std::move(values), options).text;
    const char stand_in = static_cast<char>(jinja::kFromStandIn);
    const size_t first = text.from.find(stand_in), last = text.from.rfind(stand_in);
    if (first == std::string::npos)
      throw Error(kConversation, "the chat template leaves out what the assistant wrote",
                  "use another chat template for conversations of several turns");
    if (text.bytes.substr(first, last + 1 - first) != "answer")
      throw Error(kConversation, "the chat template changes what the assistant wrote",
                  "use another chat template for conversations of several turns");
    return text.Sub(last + 1, text.size());
  }
};

ChatTemplate::ChatTemplate(std::shared_ptr<const Impl> impl, std::string kwargs)
    : impl_(std::move(impl)), kwargs_(std::move(kwargs)) {}
ChatTemplate::~ChatTemplate() = default;

std::shared_ptr<const ChatTemplate> ChatTemplate::Load(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<Source> sources;
  std::map<std::string, std::string> special;
  const std::string config = folder + "/tokenizer_config.json";
  const auto read_special = [&](const ChatJson& json) {
    for (const char* name : kSpecialTokens) {
      if (!json.is_object() || !json.contains(name) || special.contains(name)) continue;
      const ChatJson& token = json[name];  // text, or {"content": text, ...}
      const ChatJson& text =
          token.is_object() && token.contains("content") ? token["content"] : token;
      if (text.is_string()) special[name] = text.get<std::string>();
    }
  };
  if (fs::exists(config)) {
    const ChatJson json = ReadJson(config);
    sources = SourcesIn(json, config);
    read_special(json);
  }
  if (const std::string map = folder + "/special_tokens_map.json"; fs::exists(map))
    read_special(ReadJson(map));
  if (const std::string jinja = folder + "/chat_template.jinja"; fs::exists(jinja)) {
    sources = {{ReadFile(jinja), jinja}};
  } else if (const std::string json = folder + "/chat_template.json";
             sources.empty() && fs::exists(json)) {
    sources = SourcesIn(ReadJson(json), json);
  }
  if (sources.empty()) return nullptr;
  const std::string tokenizer = folder + "/tokenizer.json";
  return std::shared_ptr<const ChatTemplate>(new ChatTemplate(
      std::make_shared<const Impl>(sources, special, ReadFile(tokenizer), tokenizer)));
}

std::shared_ptr<const ChatTemplate> ChatTemplate::FromSource(
    const std::string& source, const std::string& place,
    const std::map<std::string, std::string>& special_tokens, const std::string& tokenizer_json) {
  return std::shared_ptr<const ChatTemplate>(new ChatTemplate(std::make_shared<const Impl>(
      std::vector<Source>{{source, place}}, special_tokens, tokenizer_json, place)));
}

std::shared_ptr<const ChatTemplate> ChatTemplate::With(const std::string& kwargs) const {
  const Value values = Parsed(kwargs, jinja::kFromTemplate, "the template's variables");
  if (!values.is_dict())
    throw Error("the template's variables", "are no JSON object", "give them as one");
  for (const auto& [key, value] : values.dict().items) {
    const std::string& name = key.text().bytes;
    if (!impl_->Mentions(name))
      throw Error("the template's variables", "the chat template does not read '" + name + "'",
                  "leave it out, or mend its name");
  }
  return std::shared_ptr<const ChatTemplate>(new ChatTemplate(impl_, kwargs));
}

ChatOptions ChatTemplate::Complete(ChatOptions options) const {
  if (kwargs_.empty() || options.kwargs.empty()) {
    options.kwargs += kwargs_;
    return options;
  }
  auto both = ChatJson::parse(kwargs_);
  both.update(ChatJson::parse(options.kwargs));
  options.kwargs = both.dump();
  return options;
}

namespace {

std::vector<Value> MessageValues(std::span<const Message> messages) {
  std::vector<Value> values;
  for (const Message& m : messages) values.push_back(MessageValue(m, jinja::kFromData));
  return values;
}

}  // namespace

std::string ChatTemplate::Render(std::span<const Message> messages,
                                 const ChatOptions& options) const {
  return impl_->Render(MessageValues(messages), Complete(options)).text.bytes;
}

std::vector<int32_t> ChatTemplate::Encode(const Tokenizer& tokenizer,
                                          std::span<const Message> messages,
                                          const ChatOptions& options) const {
  return impl_->markers.Encode(tokenizer,
                               impl_->Render(MessageValues(messages), Complete(options)).text);
}

std::vector<int32_t> ChatTemplate::EncodeAfterTurn(const Tokenizer& tokenizer, int32_t end,
                                                   std::span<const Message> messages) const {
  auto tokens = impl_->markers.Encode(
      tokenizer, impl_->AfterTurn(messages, Complete({.add_generation_prompt = true})));
  const auto marker = std::find_if(tokens.begin(), tokens.end(),
                                   [&](int32_t t) { return impl_->markers.IsMarker(t); });
  if (marker != tokens.end() && *marker == end) tokens.erase(tokens.begin(), marker + 1);
  return tokens;
}

int32_t ChatTemplate::TurnEnd(const Tokenizer& tokenizer) const {
  const auto tokens = impl_->markers.Encode(tokenizer, impl_->AfterTurn({}, Complete({})));
  for (const int32_t token : tokens) {
    if (impl_->markers.IsMarker(token)) return token;
  }
  return -1;
}

const std::string& ChatTemplate::source() const { return impl_->source; }

}  // namespace rlvr
