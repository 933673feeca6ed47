#include "text/chat.h"

#include <algorithm>

namespace rlvr {
namespace {

void Append(const std::vector<int32_t>& more, std::vector<int32_t>* tokens) {
  tokens->insert(tokens->end(), more.begin(), more.end());
}

// Only the template's own markers are special.
void AppendChatMl(const Tokenizer& tokenizer, std::span<const Message> messages,
                  std::vector<int32_t>* tokens) {
  for (const Message& m : messages) {
    Append(tokenizer.Encode("<|im_start|>" + m.role + "\n"), tokens);
    Append(tokenizer.Encode(m.content, false), tokens);
    Append(tokenizer.Encode("<|im_end|>\n"), tokens);
  }
  Append(tokenizer.Encode("<|im_start|>assistant\n"), tokens);
}

std::string Lines(std::span<const Message> messages) {
  std::string text;
  for (const Message& m : messages) text += (&m == messages.data() ? "" : "\n") + m.content;
  return text;
}

}  // namespace

std::string RenderChatMl(const std::vector<Message>& messages, bool add_generation_prompt) {
  std::string text;
  for (const auto& m : messages)
    text += "<|im_start|>" + m.role + "\n" + m.content + "<|im_end|>\n";
  if (add_generation_prompt) text += "<|im_start|>assistant\n";
  return text;
}

std::string ChatMlTemplate() {
  return "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
         "message['content'] + "
         "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
         "'<|im_start|>assistant\\n' }}"
         "{% endif %}";
}

bool ReadsChatMl(const Tokenizer& tokenizer) { return tokenizer.TokenId("<|im_start|>") >= 0; }

std::vector<int32_t> EncodeOpening(const Tokenizer& tokenizer, std::span<const Message> messages) {
  if (const ChatTemplate* chat = tokenizer.chat_template())
    return chat->Encode(tokenizer, messages, {.add_generation_prompt = true});
  if (!ReadsChatMl(tokenizer)) return tokenizer.Encode(Lines(messages), false);
  std::vector<int32_t> tokens;
  AppendChatMl(tokenizer, messages, &tokens);
  return tokens;
}

std::vector<int32_t> EncodeReply(const Tokenizer& tokenizer, int32_t last_token,
                                 std::span<const Message> messages) {
  if (const ChatTemplate* chat = tokenizer.chat_template())
    return chat->EncodeAfterTurn(tokenizer, last_token, messages);
  if (!ReadsChatMl(tokenizer)) return tokenizer.Encode("\n" + Lines(messages), false);
  const bool ended = last_token == tokenizer.TokenId("<|im_end|>");
  std::vector<int32_t> tokens = tokenizer.Encode(ended ? "\n" : "<|im_end|>\n");
  AppendChatMl(tokenizer, messages, &tokens);
  return tokens;
}

int32_t TurnEndToken(const Tokenizer& tokenizer, std::span<const int32_t> eos) {
  if (eos.empty()) return -1;
  const ChatTemplate* chat = tokenizer.chat_template();
  if (chat == nullptr) return eos.front();
  const int32_t end = chat->TurnEnd(tokenizer);
  return std::find(eos.begin(), eos.end(), end) != eos.end() ? end : eos.front();
}

}  // namespace rlvr
