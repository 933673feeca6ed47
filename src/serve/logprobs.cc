#include "serve/logprobs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/text_stream.h"

namespace rlvr {

using nlohmann::json;

std::string TokenText(const Tokenizer& tokenizer, int32_t token) {
  // A model may have more rows than its tokenizer has tokens.
  if (token >= tokenizer.vocab_size()) return fmt::format("token_id:{}", token);
  const std::string& bytes = tokenizer.TokenBytes(token);
  if (IsUtf8(bytes)) return bytes;
  std::string text = "bytes:";
  for (const char c : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return text;
}

namespace {

json Entry(const Tokenizer& tokenizer, int32_t token, float logp) {
  json bytes = json::array();
  if (token < tokenizer.vocab_size())
    for (const char c : tokenizer.TokenBytes(token)) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", TokenText(tokenizer, token)}, {"logprob", logp}, {"bytes", std::move(bytes)}};
}

}  // namespace

json ChatLogprob(const Tokenizer& tokenizer, const TokenScore& score) {
  json entry = Entry(tokenizer, score.token, score.logp);
  json& top = entry["top_logprobs"] = json::array();
  for (const auto& [token, logp] : score.top) top.push_back(Entry(tokenizer, token, logp));
  return entry;
}

json CompletionLogprobs(const Tokenizer& tokenizer, const std::vector<CompletionLogprob>& entries) {
  json tokens = json::array(), logprobs = json::array(), tops = json::array(),
       offsets = json::array();
  for (const CompletionLogprob& e : entries) {
    tokens.push_back(TokenText(tokenizer, e.token));
    offsets.push_back(e.text_offset);
    logprobs.push_back(e.score ? json(e.score->logp) : json());
    json top;
    if (e.score) {
      top = json::object();
      // Tokens with the same text share a key: the likeliest has it.
      for (const auto& [token, logp] : e.score->top) top.emplace(TokenText(tokenizer, token), logp);
      top.emplace(TokenText(tokenizer, e.token), e.score->logp);
    }
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace rlvr
