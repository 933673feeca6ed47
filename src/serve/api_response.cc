#include "serve/api_response.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "serve/logprobs.h"
#include "serve/text_stream.h"

namespace rlvr {

using nlohmann::json;

namespace {
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}
}  // namespace

std::string ServerSentEvent(const std::string& json_text) { return "data: " + json_text + "\n\n"; }

// Some text of a choice with the log-probs that came with it.
struct ApiResponse::Piece {
  std::string text;
  std::vector<TokenScore> scores;             // of a chat
  std::vector<CompletionLogprob> completion;  // of a completion

  void Append(Piece more) {
    text += more.text;
    for (auto& s : more.scores) scores.push_back(std::move(s));
    for (auto& c : more.completion) completion.push_back(std::move(c));
  }
  json Logprobs(const ApiRequest& request, const Tokenizer& tokenizer) const {
    if (!request.logprobs) return nullptr;
    if (!request.chat) return CompletionLogprobs(tokenizer, completion);
    json content = json::array();
    for (const TokenScore& s : scores) content.push_back(ChatLogprob(tokenizer, s));
    return {{"content", std::move(content)}, {"refusal", nullptr}};
  }
};

struct ApiResponse::Choice {
  int index = 0;
  bool begun = false;
  Piece piece;  // all of it, where the client wants no stream
  const char* finish = nullptr;
  int64_t tokens = 0;  // sampled
  // Where tokens stand in the text, held back or not.
  DecodeStream decode;
  int64_t offset = 0;
};

ApiResponse::ApiResponse(const ApiRequest& request, const Tokenizer& tokenizer, std::string model,
                         std::string id, int64_t created)
    : request_(request),
      tokenizer_(tokenizer),
      model_(std::move(model)),
      id_(std::move(id)),
      created_(created),
      prompt_scores_(request.prompts.size()) {
  for (const GenerationRequest& r : request.prompts) {
    for (int i = 0; i < r.num_samples; ++i)
      choices_.push_back({.index = static_cast<int>(choices_.size()),
                          .decode = DecodeStream(tokenizer, /*skip_special=*/true)});
  }
}

ApiResponse::~ApiResponse() = default;

// What a choice begins with: nothing, or the echo of its prompt.
ApiResponse::Piece ApiResponse::Opening(const GenerationEvent& event) {
  Piece piece;
  if (request_.echo.empty()) return piece;
  const auto i = static_cast<size_t>(event.request);
  piece.text = request_.echo[i];
  if (!request_.logprobs) return piece;
  DecodeStream decode(tokenizer_);
  int64_t offset = 0;
  const std::vector<int32_t>& prompt = request_.prompts[i].prompt;
  for (size_t t = 0; t < prompt.size(); ++t) {
    CompletionLogprob entry{.token = prompt[t], .text_offset = offset};
    if (t > 0) entry.score = prompt_scores_[i][t - 1];
    offset += NumCodePoints(ToUtf8(decode.Push(prompt[t])));
    piece.completion.push_back(std::move(entry));
  }
  return piece;
}

std::string ApiResponse::Add(const GenerationEvent& event) {
  if (event.sample < 0) {
    prompt_scores_[static_cast<size_t>(event.request)] = event.prompt_scores;
    return "";
  }
  const int n = request_.prompts[static_cast<size_t>(event.request)].num_samples;
  Choice& choice = choices_[static_cast<size_t>(event.request * n + event.sample)];
  std::string sent;
  if (!choice.begun) {
    Piece opening = Opening(event);
    choice.offset = NumCodePoints(opening.text);
    // A chat's first chunk says who speaks.
    if (request_.chat || !opening.text.empty()) sent += Take(&choice, opening, nullptr);
    choice.begun = true;
  }
  Piece piece{.text = event.text};
  if (event.token) {
    ++choice.tokens;
    if (request_.logprobs && request_.chat) piece.scores.push_back(*event.token);
    if (request_.logprobs && !request_.chat) {
      piece.completion.push_back(
          {.token = event.token->token, .score = *event.token, .text_offset = choice.offset});
      choice.offset += NumCodePoints(ToUtf8(choice.decode.Push(event.token->token)));
    }
  }
  if (!piece.text.empty() || (event.token && request_.logprobs))
    sent += Take(&choice, piece, nullptr);
  if (event.finish) sent += Take(&choice, {}, ToString(*event.finish));
  return sent;
}

std::string ApiResponse::Take(Choice* choice, const Piece& piece, const char* finish) {
  if (request_.stream) return Send(*choice, piece, finish);
  choice->piece.Append(piece);
  if (finish != nullptr) choice->finish = finish;
  return "";
}

std::string ApiResponse::Send(const Choice& choice, const Piece& piece, const char* finish) const {
  // Neither the last chunk nor a chat's first one has tokens.
  const bool tokens = finish == nullptr && (choice.begun || !request_.chat);
  json c = {{"index", choice.index},
            {"finish_reason", finish == nullptr ? json() : json(finish)},
            {"logprobs", tokens ? piece.Logprobs(request_, tokenizer_) : json()}};
  if (request_.chat) {
    json& delta = c["delta"] = json::object();
    if (!choice.begun) delta["role"] = "assistant";
    if (finish == nullptr) delta["content"] = piece.text;
  } else {
    c["text"] = piece.text;
  }
  json chunk = {{"id", id_},
                {"object", request_.chat ? "chat.completion.chunk" : "text_completion"},
                {"created", created_},
                {"model", model_},
                {"choices", json::array({std::move(c)})}};
  if (request_.include_usage) chunk["usage"] = nullptr;
  return ServerSentEvent(Dump(chunk));
}

namespace {

json Usage(const ApiRequest& request, int64_t sampled) {
  int64_t prompt = 0;
  for (const GenerationRequest& r : request.prompts) prompt += std::ssize(r.prompt);
  return {{"prompt_tokens", prompt},
          {"completion_tokens", sampled},
          {"total_tokens", prompt + sampled}};
}

}  // namespace

std::string ApiResponse::Body() const {
  json choices = json::array();
  int64_t sampled = 0;
  for (const Choice& choice : choices_) {
    json c = {{"index", choice.index},
              {"finish_reason", choice.finish},
              {"logprobs", choice.piece.Logprobs(request_, tokenizer_)}};
    if (request_.chat) {
      c["message"] = {{"role", "assistant"}, {"content", choice.piece.text}};
    } else {
      c["text"] = choice.piece.text;
    }
    choices.push_back(std::move(c));
    sampled += choice.tokens;
  }
  return Dump({{"id", id_},
               {"object", request_.chat ? "chat.completion" : "text_completion"},
               {"created", created_},
               {"model", model_},
               {"choices", std::move(choices)},
               {"usage", Usage(request_, sampled)}});
}

std::string ApiResponse::EndOfStream() const {
  std::string sent;
  if (request_.include_usage) {
    int64_t sampled = 0;
    for (const Choice& choice : choices_) sampled += choice.tokens;
    sent = ServerSentEvent(
        Dump({{"id", id_},
              {"object", request_.chat ? "chat.completion.chunk" : "text_completion"},
              {"created", created_},
              {"model", model_},
              {"choices", json::array()},
              {"usage", Usage(request_, sampled)}}));
  }
  return sent + ServerSentEvent("[DONE]");
}

}  // namespace rlvr
