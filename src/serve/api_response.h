// What a client reads: the engine's events as OpenAI's JSON, whole or as server-sent events. The
// whole is made of the same pieces.
#ifndef RLVR_SERVE_API_RESPONSE_H_
#define RLVR_SERVE_API_RESPONSE_H_
#include <cstdint>
#include <string>
#include <vector>

#include "serve/api_request.h"
#include "serve/generation.h"
#include "text/tokenizer.h"

namespace rlvr {

class ApiResponse {
 public:
  // The request and the tokenizer must outlive it. created: seconds since 1970.
  ApiResponse(const ApiRequest& request, const Tokenizer& tokenizer, std::string model,
              std::string id, int64_t created);
  ~ApiResponse();

  // Takes an event in. Returns its server-sent events ("data: {...}\n\n" ...) if the request wants
  // a stream, else "".
  std::string Add(const GenerationEvent& event);
  // After the last event: the whole body, or the last server-sent events.
  std::string Body() const;
  std::string EndOfStream() const;

 private:
  struct Choice;
  struct Piece;
  std::string Send(const Choice& choice, const Piece& piece, const char* finish) const;
  Piece Opening(const GenerationEvent& event);
  std::string Take(Choice* choice, const Piece& piece, const char* finish);

  const ApiRequest& request_;
  const Tokenizer& tokenizer_;
  const std::string model_, id_;
  const int64_t created_;
  std::vector<Choice> choices_;                         // [prompts * n]
  std::vector<std::vector<TokenScore>> prompt_scores_;  // [prompts]
};

// One server-sent event.
std::string ServerSentEvent(const std::string& json);

}  // namespace rlvr
#endif  // RLVR_SERVE_API_RESPONSE_H_
