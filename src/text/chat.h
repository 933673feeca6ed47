// Messages -> the text a model reads, and its tokens: the ChatML form that Qwen uses, or plain text
// for tokenizers that do not know it; templates of other models are a later step.
#ifndef RLVR_TEXT_CHAT_H_
#define RLVR_TEXT_CHAT_H_
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace rlvr {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// <|im_start|>role\ncontent<|im_end|>\n for each, then <|im_start|>assistant\n.
std::string RenderChatMl(const std::vector<Message>& messages, bool add_generation_prompt);
// The Jinja text that makes transformers render the same (stored in tokenizer_config.json).
std::string ChatMlTemplate();

// A conversation in tokens is its opening, a turn of the policy, the reply to it, the next turn, ...
// A model whose tokenizer has <|im_start|> reads ChatML: opening, turns (each ended by <|im_end|>)
// and replies one after the other are RenderChatMl of all the messages, without what follows the
// last turn's <|im_end|>. Another model reads plain text: the contents of the messages alone, a line
// break before each but the first; a turn follows the last one at once, as it follows a prompt.
// Contents are plain text: what looks like a marker in them ends no turn.
bool ReadsChatMl(const Tokenizer& tokenizer);
// The messages before the policy's first turn, with what opens it.
std::vector<int32_t> EncodeOpening(const Tokenizer& tokenizer, std::span<const Message> messages);
// What follows a turn that ended with `last_token`: the rest of the turn's end (all of it where the
// turn was cut off, or ended with something else than <|im_end|>), the messages, and what opens the
// next turn.
std::vector<int32_t> EncodeReply(const Tokenizer& tokenizer, int32_t last_token,
                                 std::span<const Message> messages);

}  // namespace rlvr
#endif  // RLVR_TEXT_CHAT_H_
