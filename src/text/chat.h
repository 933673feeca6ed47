// Conversations in tokens: by the model's chat template where its tokenizer carries one, else as
// ChatML (Qwen's form) where the tokenizer knows its markers, else as plain text.
#ifndef RLVR_TEXT_CHAT_H_
#define RLVR_TEXT_CHAT_H_
#include <span>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace rlvr {

// <|im_start|>role\ncontent<|im_end|>\n for each, then <|im_start|>assistant\n.
std::string RenderChatMl(const std::vector<Message>& messages, bool add_generation_prompt);
// The Jinja text that makes transformers render the same (stored in tokenizer_config.json).
std::string ChatMlTemplate();

// A conversation in tokens is its opening, a turn of the policy, the reply to it, the next turn, ...
// With a template (tokenizer.chat_template()) the opening is what it renders with a generation
// prompt, and a reply is what it renders behind an assistant's turn. Turns stay as they were
// sampled, also where the template would change them once they are history. Without one, a model
// whose tokenizer has <|im_start|> reads ChatML: opening, turns (each ended by <|im_end|>)
// and replies one after the other are RenderChatMl of all the messages, without what follows the
// last turn's <|im_end|>. Another model reads plain text: the contents of the messages alone, a line
// break before each but the first; a turn follows the last one at once, as it follows a prompt.
// Contents are plain text: what looks like a marker in them ends no turn.
bool ReadsChatMl(const Tokenizer& tokenizer);
// The messages before the policy's first turn, with what opens it.
std::vector<int32_t> EncodeOpening(const Tokenizer& tokenizer, std::span<const Message> messages);
// What follows a turn that ended with `last_token`: the rest of the turn's end (all of it where the
// turn was cut off, or ended with something else than the template's end), the messages, and what
// opens the next turn.
std::vector<int32_t> EncodeReply(const Tokenizer& tokenizer, int32_t last_token,
                                 std::span<const Message> messages);
// The one of eos that a turn ends with: the template's, else the first. -1: eos is empty.
int32_t TurnEndToken(const Tokenizer& tokenizer, std::span<const int32_t> eos);

}  // namespace rlvr
#endif  // RLVR_TEXT_CHAT_H_
