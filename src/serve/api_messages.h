// A chat request's messages and tools as the model reads them.
#ifndef RLVR_SERVE_API_MESSAGES_H_
#define RLVR_SERVE_API_MESSAGES_H_
#include <cstdint>
#include <vector>

#include "serve/fields.h"
#include "text/tokenizer.h"

namespace rlvr {

// Reads messages, tools, tool_choice and chat_template_kwargs. Throws ApiError.
std::vector<int32_t> EncodeChat(Fields* fields, const Tokenizer& tokenizer);

}  // namespace rlvr
#endif  // RLVR_SERVE_API_MESSAGES_H_
