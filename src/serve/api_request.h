// The bodies of POST /v1/chat/completions and /v1/completions, read and checked: docs/serving.md
// lists the fields. What is not supported is an ApiError, never ignored.
#ifndef RLVR_SERVE_API_REQUEST_H_
#define RLVR_SERVE_API_REQUEST_H_
#include <cstdint>
#include <string>
#include <vector>

#include "serve/generation.h"
#include "text/tokenizer.h"

namespace rlvr {

// What requests are checked against.
struct ApiLimits {
  std::string model;        // its name
  int32_t vocab_size = 0;   // of the model
  int64_t max_context = 0;  // tokens of prompt and response together
  int64_t max_samples = 0;  // n
  int64_t max_choices = 0;  // n times the prompts
};

struct ApiRequest {
  bool chat = false;
  std::vector<GenerationRequest> prompts;  // of equal settings
  std::vector<std::string> echo;           // [prompts] their texts, or empty
  bool logprobs = false;
  bool stream = false, include_usage = false;
};

// Thread-safe. Throws ApiError.
ApiRequest ParseApiRequest(bool chat, const std::string& body, const Tokenizer& tokenizer,
                           const ApiLimits& limits);

}  // namespace rlvr
#endif  // RLVR_SERVE_API_REQUEST_H_
