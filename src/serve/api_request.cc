#include "serve/api_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/error.h"
#include "serve/api_error.h"
#include "serve/api_messages.h"
#include "serve/fields.h"
#include "serve/text_stream.h"

namespace rlvr {

using nlohmann::json;

namespace {

constexpr int64_t kMaxTop = 20, kMaxStops = 16;

void CheckModel(Fields* fields, const ApiLimits& limits) {
  const std::string model = fields->String("model");
  if (model.empty() || model == limits.model) return;
  throw ApiError(404, fmt::format("there is no model '{}' here, only '{}'", model, limits.model),
                 "model", "model_not_found");
}

std::vector<std::string> ReadStop(Fields* fields) {
  const json* stop = fields->Find("stop");
  if (stop == nullptr) return {};
  std::vector<std::string> strings;
  const json list = stop->is_array() ? *stop : json::array({*stop});
  for (const json& s : list) {
    if (!s.is_string() || s.get_ref<const std::string&>().empty())
      throw ApiError(400, "'stop' must be a string that is not empty, or a list of such", "stop");
    strings.push_back(s.get<std::string>());
  }
  if (std::ssize(strings) > kMaxStops)
    throw ApiError(400, fmt::format("'stop' has more than {} strings", kMaxStops), "stop");
  return strings;
}

SamplingOptions ReadSampling(Fields* fields) {
  SamplingOptions s;
  s.temperature = static_cast<float>(fields->Number("temperature", 1, 0, 1000));
  if (s.temperature != 0 && s.temperature < 1e-3f)
    throw ApiError(400, "'temperature' must be 0 (greedy) or from 0.001 to 1000", "temperature");
  s.top_p = static_cast<float>(fields->Number("top_p", 1, 0, 1));
  if (s.top_p <= 0) throw ApiError(400, "'top_p' must be above 0, and at most 1", "top_p");
  s.min_p = static_cast<float>(fields->Number("min_p", 0, 0, 1));
  // vLLM's clients say -1 for off.
  s.top_k = static_cast<int32_t>(std::max<int64_t>(0, fields->Integer("top_k", 0, -1, INT32_MAX)));
  return s;
}

uint64_t ReadSeed(Fields* fields) {
  const json* seed = fields->Find("seed");
  if (seed == nullptr) {
    std::random_device noise;
    return uint64_t{noise()} << 32 | noise();
  }
  return static_cast<uint64_t>(fields->Integer("seed", 0, INT64_MIN, INT64_MAX));
}

bool IsTokens(const json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_number(); });
}

struct Prompt {
  std::vector<int32_t> tokens;
  std::string text;
};

Prompt ReadPrompt(const json& value, const Tokenizer& tokenizer, const ApiLimits& limits) {
  Prompt prompt;
  if (value.is_string()) {
    prompt.text = value.get<std::string>();
    prompt.tokens = tokenizer.EncodeWithSpecial(prompt.text);
    return prompt;
  }
  for (const json& id : value) {
    const bool fits = id.is_number_integer() && id >= 0 && id < limits.vocab_size;
    if (!fits)
      throw ApiError(400,
                     fmt::format("'prompt' has the token id {}; they go from 0 to {}", id.dump(),
                                 limits.vocab_size - 1),
                     "prompt");
    prompt.tokens.push_back(id.get<int32_t>());
  }
  prompt.text = ToUtf8(tokenizer.Decode(prompt.tokens));
  return prompt;
}

std::vector<Prompt> ReadPrompts(const json& value, const Tokenizer& tokenizer,
                                const ApiLimits& limits) {
  std::vector<Prompt> prompts;
  if (value.is_string() || IsTokens(value)) {
    prompts.push_back(ReadPrompt(value, tokenizer, limits));
    return prompts;
  }
  if (value.is_array() && std::ssize(value) > limits.max_choices)
    throw ApiError(400, fmt::format("'prompt' has more than {} prompts", limits.max_choices),
                   "prompt");
  bool fits = value.is_array() && !value.empty();
  for (const json& p : value) {
    fits = fits && (p.is_string() || IsTokens(p));
    if (fits) prompts.push_back(ReadPrompt(p, tokenizer, limits));
  }
  if (!fits)
    throw ApiError(400,
                   "'prompt' must be a string, a list of token ids, or a list of one kind of these",
                   "prompt");
  return prompts;
}

// max_tokens, by either name; absent: -1.
int64_t ReadMaxTokens(Fields* fields, bool chat) {
  const int64_t low = chat ? 1 : 0;
  const int64_t old_name = fields->Integer("max_tokens", -1, low, INT32_MAX);
  const int64_t new_name = chat ? fields->Integer("max_completion_tokens", -1, low, INT32_MAX) : -1;
  if (old_name >= 0 && new_name >= 0 && old_name != new_name)
    throw ApiError(400, "'max_tokens' and 'max_completion_tokens' differ", "max_completion_tokens");
  return std::max(old_name, new_name);
}

// Sets max_tokens; the prompt and it must fit the context. Absent (-1): all the room in chats, 16
// tokens in completions, as OpenAI has it.
void Fit(const ApiLimits& limits, bool chat, int64_t max_tokens, GenerationRequest* r) {
  const char* field = chat ? "messages" : "prompt";
  const auto prompt = static_cast<int64_t>(r->prompt.size());
  if (prompt == 0) throw ApiError(400, fmt::format("'{}' has no tokens", field), field);
  const int64_t room = limits.max_context - prompt;
  const int64_t needed = max_tokens >= 0 ? max_tokens : 1;
  if (needed > room)
    throw ApiError(400,
                   fmt::format("'{}' has {} tokens and the response may have {}, but the model's "
                               "context is {} tokens",
                               field, prompt, needed, limits.max_context),
                   field, "context_length_exceeded");
  r->max_tokens = max_tokens >= 0 ? max_tokens : std::min<int64_t>(room, chat ? room : 16);
}

void ReadLogprobs(Fields* fields, ApiRequest* request, GenerationRequest* settings) {
  if (request->chat) {
    request->logprobs = fields->Bool("logprobs", false);
    const int64_t top = fields->Integer("top_logprobs", 0, 0, kMaxTop);
    if (top > 0 && !request->logprobs)
      throw ApiError(400, "'top_logprobs' needs \"logprobs\": true", "top_logprobs");
    if (request->logprobs) settings->top_logprobs = static_cast<int>(top);
  } else {
    settings->top_logprobs = static_cast<int>(fields->Integer("logprobs", -1, 0, kMaxTop));
    request->logprobs = settings->top_logprobs >= 0;
  }
}

void ReadUnsupported(Fields* fields, bool chat, int64_t n) {
  fields->OnlyNeutral("presence_penalty", 0);
  fields->OnlyNeutral("frequency_penalty", 0);
  fields->OnlyNeutral("repetition_penalty", 1);
  fields->OnlyNeutral("logit_bias", json::object());
  if (chat) {
    fields->OnlyNeutral("response_format", {{"type", "text"}});
    fields->OnlyNeutral("modalities", json::array({"text"}));
    fields->OnlyNeutral("parallel_tool_calls", true);
    fields->OnlyNeutral("store", false);
  } else {
    fields->OnlyNeutral("best_of", n);
    fields->OnlyNeutral("suffix", "");
  }
  // Who asks changes nothing.
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key"}) fields->Ignore(name);
  fields->NoOthers();
}

}  // namespace

ApiRequest ParseApiRequest(bool chat, const std::string& body, const Tokenizer& tokenizer,
                           const ApiLimits& limits) {
  const json value = ParseBody(body);
  Fields fields(value, "");
  CheckModel(&fields, limits);
  ApiRequest request;
  request.chat = chat;
  GenerationRequest settings;
  settings.num_samples = static_cast<int>(fields.Integer("n", 1, 1, limits.max_samples));
  settings.sampling = ReadSampling(&fields);
  settings.stop = ReadStop(&fields);
  // The samples are those of `rlvr generate --seed`, whatever the list that a prompt stands in.
  settings.key = StreamKey(ReadSeed(&fields), Stream::kGenerate)[0];
  ReadLogprobs(&fields, &request, &settings);
  request.stream = fields.Bool("stream", false);
  if (const json* options = fields.Find("stream_options")) {
    if (!request.stream)
      throw ApiError(400, "'stream_options' needs \"stream\": true", "stream_options");
    Fields more(*options, "stream_options");
    request.include_usage = more.Bool("include_usage", false);
    more.OnlyNeutral("include_obfuscation", false);
    more.NoOthers();
  }
  const int64_t max_tokens = ReadMaxTokens(&fields, chat);
  const bool echo = !chat && fields.Bool("echo", false);
  settings.score_prompt = echo && request.logprobs;

  std::vector<Prompt> prompts;
  if (chat) {
    prompts.push_back({EncodeChat(&fields, tokenizer), ""});
  } else {
    prompts = ReadPrompts(fields.Require("prompt"), tokenizer, limits);
  }
  ReadUnsupported(&fields, chat, settings.num_samples);
  if (std::ssize(prompts) * settings.num_samples > limits.max_choices)
    throw ApiError(400, fmt::format("a request may have {} choices at most", limits.max_choices),
                   "n");
  for (Prompt& prompt : prompts) {
    GenerationRequest r = settings;
    r.prompt = std::move(prompt.tokens);
    Fit(limits, chat, max_tokens, &r);
    request.prompts.push_back(std::move(r));
    if (echo) request.echo.push_back(std::move(prompt.text));
  }
  return request;
}

}  // namespace rlvr
