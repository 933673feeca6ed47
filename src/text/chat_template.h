// A model's chat template: messages -> the text that the model reads, byte for byte as transformers'
// apply_chat_template renders it. docs/chat_templates.md says what is supported.
#ifndef RLVR_TEXT_CHAT_TEMPLATE_H_
#define RLVR_TEXT_CHAT_TEMPLATE_H_
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace rlvr {

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  // A JSON object with more of its fields ("tool_calls", "name", "reasoning_content", ...), which a
  // template may read; "content" in it stands for the one above (null, a list of parts).
  std::string extra;
};

struct ChatOptions {
  bool add_generation_prompt = false;
  std::string tools;   // a JSON list; empty: none
  std::string kwargs;  // a JSON object of the template's own variables, {"enable_thinking": false}
  int64_t now = -1;    // seconds since 1970, for templates that write the date; < 0: the clock's
};

class ChatTemplate {
 public:
  // As transformers looks for it: chat_template.jinja, then "chat_template" of tokenizer_config.json
  // (text, or a list of named ones: "default", and "tool_use" where there are tools), then
  // chat_template.json. Null: the folder has none. Throws Error.
  static std::shared_ptr<const ChatTemplate> Load(const std::string& folder);
  // special_tokens: "bos_token" and so on. tokenizer_json: its added tokens are the markers.
  static std::shared_ptr<const ChatTemplate> FromSource(
      const std::string& source, const std::string& place,
      const std::map<std::string, std::string>& special_tokens, const std::string& tokenizer_json);

  // The same with values of its own variables ("{"enable_thinking": false}", a JSON object) wherever
  // options say nothing else. Throws Error for a variable that the template does not read.
  std::shared_ptr<const ChatTemplate> With(const std::string& kwargs) const;

  // Throws Error where the template does ("roles must alternate").
  std::string Render(std::span<const Message> messages, const ChatOptions& options) const;
  // Its tokens. Markers are tokens where the template wrote them; in what messages and tools say,
  // they are text.
  std::vector<int32_t> Encode(const Tokenizer& tokenizer, std::span<const Message> messages,
                              const ChatOptions& options) const;
  // Tokens of what follows an assistant's turn: the end of the turn, `messages`, what opens the next
  // turn. The conversation before is one message of the user. end: the token that ended the turn;
  // where it is the template's, it is left out with all before it.
  std::vector<int32_t> EncodeAfterTurn(const Tokenizer& tokenizer, int32_t end,
                                       std::span<const Message> messages) const;
  // The token that the template ends an assistant's turn with; -1: it writes none.
  int32_t TurnEnd(const Tokenizer& tokenizer) const;
  // Jinja, as it was read.
  const std::string& source() const;

  ~ChatTemplate();

 private:
  struct Impl;
  explicit ChatTemplate(std::shared_ptr<const Impl> impl, std::string kwargs = "");
  ChatOptions Complete(ChatOptions options) const;  // with kwargs_
  std::shared_ptr<const Impl> impl_;
  std::string kwargs_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_CHAT_TEMPLATE_H_
