// Messages -> the text a model reads. The ChatML form that Qwen uses; templates of other models are
// a later step.
#ifndef RLVR_TEXT_CHAT_H_
#define RLVR_TEXT_CHAT_H_
#include <string>
#include <vector>

namespace rlvr {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// <|im_start|>role\ncontent<|im_end|>\n for each, then <|im_start|>assistant\n.
std::string RenderChatMl(const std::vector<Message>& messages, bool add_generation_prompt);
// The Jinja text that makes transformers render the same (stored in tokenizer_config.json).
std::string ChatMlTemplate();

}  // namespace rlvr
#endif  // RLVR_TEXT_CHAT_H_
