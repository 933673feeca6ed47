// Log-probs in OpenAI's two forms: "content" of chats, and the parallel lists of completions.
#ifndef RLVR_SERVE_LOGPROBS_H_
#define RLVR_SERVE_LOGPROBS_H_
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "serve/generation.h"
#include "text/tokenizer.h"

namespace rlvr {

// A token for people to read. Bytes that are no characters of their own: "bytes:\xe2\x80".
std::string TokenText(const Tokenizer& tokenizer, int32_t token);

// One entry of "content": token, bytes, logprob, top_logprobs.
nlohmann::json ChatLogprob(const Tokenizer& tokenizer, const TokenScore& score);

// What one token adds to the lists. nullopt: the prompt's first token, which nothing predicts.
struct CompletionLogprob {
  int32_t token = 0;
  std::optional<TokenScore> score;
  int64_t text_offset = 0;  // characters before it
};
// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}. The token itself is among the top
// ones, as OpenAI has it.
nlohmann::json CompletionLogprobs(const Tokenizer& tokenizer,
                                  const std::vector<CompletionLogprob>& entries);

}  // namespace rlvr
#endif  // RLVR_SERVE_LOGPROBS_H_
