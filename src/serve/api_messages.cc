#include "serve/api_messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "serve/api_error.h"
#include "text/chat.h"

namespace rlvr {

using nlohmann::json;

namespace {

// A list of parts is its texts, one after the other.
std::string PlainText(const json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array())
    throw ApiError(400, "'" + where + "' must be a string or a list of text parts", where);
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const std::string part = fmt::format("{}[{}]", where, i);
    Fields fields(content[i], part);
    if (fields.String("type") != "text")
      throw ApiError(400, "'" + part + "' is no text, and the model reads nothing else", part);
    const json& words = fields.Require("text");
    if (!words.is_string()) throw ApiError(400, "'" + part + ".text' must be a string", part);
    text += words.get<std::string>();
    fields.NoOthers();
  }
  return text;
}

// Templates read the arguments of calls as objects; clients send them as text.
json ToolCalls(json calls, const std::string& where) {
  if (!calls.is_array()) throw ApiError(400, "'" + where + "' must be a list", where);
  for (json& call : calls) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object())
      throw ApiError(400, "a call in '" + where + "' has no 'function'", where);
    json& arguments = call["function"]["arguments"];
    if (!arguments.is_string()) continue;
    const std::string text = arguments.get<std::string>();
    try {
      arguments = text.empty() ? json::object() : ParseBody(text);
    } catch (const ApiError&) {
      throw ApiError(400, "'arguments' of a call in '" + where + "' is no JSON", where);
    }
  }
  return calls;
}

Message ReadMessage(const json& value, const std::string& where) {
  Fields fields(value, where);
  Message message;
  message.role = fields.String("role");
  if (message.role.empty()) throw ApiError(400, "'" + where + ".role' is missing", where + ".role");
  json extra = json::object();
  if (const json* content = fields.Find("content")) {
    message.content = PlainText(*content, where + ".content");
  } else if (value.contains("tool_calls")) {
    extra["content"] = nullptr;
  } else {
    throw ApiError(400, "'" + where + ".content' is missing", where + ".content");
  }
  for (const char* name : {"name", "tool_call_id", "reasoning_content"}) {
    if (fields.Find(name) != nullptr) extra[name] = fields.String(name);
  }
  if (const json* calls = fields.Find("tool_calls"))
    extra["tool_calls"] = ToolCalls(*calls, where + ".tool_calls");
  // The client sends back what it was given.
  for (const char* name : {"refusal", "annotations", "audio", "function_call"})
    fields.OnlyNeutral(name, nullptr);
  fields.NoOthers();
  if (!extra.empty()) message.extra = extra.dump();
  return message;
}

// The tools that the template is shown; empty: none.
std::string Tools(Fields* fields) {
  const json* tools = fields->Find("tools");
  const json* choice = fields->Find("tool_choice");
  if (choice != nullptr && *choice != "auto" && *choice != "none")
    throw ApiError(400, "'tool_choice' may be \"auto\" or \"none\": calls cannot be forced",
                   "tool_choice", "unsupported_parameter");
  if (tools == nullptr || tools->empty() || (choice != nullptr && *choice == "none")) return "";
  if (!tools->is_array()) throw ApiError(400, "'tools' must be a list", "tools");
  for (const json& tool : *tools) {
    if (!tool.is_object()) throw ApiError(400, "'tools' must be a list of objects", "tools");
  }
  return tools->dump();
}

}  // namespace

std::vector<int32_t> EncodeChat(Fields* fields, const Tokenizer& tokenizer) {
  const json& list = fields->Require("messages");
  if (!list.is_array() || list.empty())
    throw ApiError(400, "'messages' must be a list with at least one message", "messages");
  std::vector<Message> messages;
  for (const json& value : list)
    messages.push_back(ReadMessage(value, fmt::format("messages[{}]", messages.size())));
  ChatOptions options{.add_generation_prompt = true, .tools = Tools(fields)};
  if (const json* kwargs = fields->Find("chat_template_kwargs")) {
    if (!kwargs->is_object())
      throw ApiError(400, "'chat_template_kwargs' must be an object", "chat_template_kwargs");
    options.kwargs = kwargs->dump();
  }
  try {
    if (const ChatTemplate* chat = tokenizer.chat_template())
      return chat->Encode(tokenizer, messages, options);
    bool plain = options.tools.empty() && options.kwargs.empty();
    for (const Message& m : messages) plain = plain && m.extra.empty();
    if (!plain)
      throw ApiError(
          400,
          "this model has no chat template, so it reads the messages' roles and contents "
          "and nothing else",
          "messages");
    return EncodeOpening(tokenizer, messages);
  } catch (const Error& e) {
    throw ApiError(400, e.what(), "messages");
  }
}

}  // namespace rlvr
