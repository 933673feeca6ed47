#include "env/chat_endpoint.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "rollout/conversation.h"

namespace rlvr {
namespace {

constexpr size_t kLongestBody = 16 << 20;
constexpr double kLongestWait = 30;

size_t TakeBody(char* data, size_t, size_t size, void* out) {
  auto* body = static_cast<std::string*>(out);
  if (body->size() + size > kLongestBody) return 0;  // curl: a write error
  body->append(data, size);
  return size;
}

int StopWhenInterrupted(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return InterruptRequested() ? 1 : 0;
}

struct HttpAnswer {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string body;
};

HttpAnswer Post(const std::string& url, const std::string& key, const std::string& body,
                double timeout) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  HttpAnswer answer{started};
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (started != CURLE_OK || curl == nullptr) return {CURLE_FAILED_INIT};
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  if (!key.empty()) list = curl_slist_append(list, ("Authorization: Bearer " + key).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list,
                                                                            &curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS,
                   std::max(1L, static_cast<long>(std::ceil(timeout * 1000))));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, StopWhenInterrupted);
  answer.code = curl_easy_perform(curl.get());
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

// choices[0].message.content; nullopt: the body is no completion.
std::optional<std::string> FirstChoice(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("choices") || !parsed["choices"].is_array() ||
      parsed["choices"].empty())
    return std::nullopt;
  const auto& choice = parsed["choices"][0];
  if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object())
    return std::nullopt;
  const auto content = choice["message"].find("content");
  if (content == choice["message"].end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

}  // namespace

ChatEndpoint::ChatEndpoint(ChatEndpointSettings settings, const std::string& section)
    : settings_(std::move(settings)) {
  if (settings_.model.empty())
    throw Error(section, "no model is named", "set model to one that the endpoint serves");
  if (!settings_.url.starts_with("http://") && !settings_.url.starts_with("https://"))
    throw Error(section + ".url", "'" + settings_.url + "' is no http:// or https:// address",
                "write it with the version, as in http://127.0.0.1:8000/v1");
}

std::string ChatEndpoint::Complete(const std::vector<Message>& messages, RandomKey key) const {
  nlohmann::json request = {{"model", settings_.model},
                            {"temperature", settings_.temperature},
                            {"max_tokens", settings_.max_tokens},
                            {"seed", key.value() >> 33},  // servers want 31 bits
                            {"messages", nlohmann::json::array()}};
  for (const Message& message : messages)
    request["messages"].push_back({{"role", message.role}, {"content", message.content}});
  const std::string body = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const char* variable =
      settings_.key_variable.empty() ? nullptr : std::getenv(settings_.key_variable.c_str());
  const std::string secret = variable == nullptr ? "" : variable;
  const std::string url =
      settings_.url + (settings_.url.ends_with('/') ? "" : "/") + "chat/completions";
  double wait = settings_.first_wait;
  for (int i = 0;; ++i) {
    const HttpAnswer answer = Post(url, secret, body, settings_.timeout);
    if (answer.code == CURLE_ABORTED_BY_CALLBACK)
      throw ConversationFailed(Verdict::kBroken, url, "interrupted");
    const bool arrived = answer.code == CURLE_OK;
    if (arrived && answer.status == 200) {
      if (std::optional<std::string> text = FirstChoice(answer.body)) return *text;
      throw ConversationFailed(Verdict::kBroken, url, "the answer is no chat completion");
    }
    const bool again = !arrived || answer.status == 429 || answer.status >= 500;
    if (again && i < settings_.retries) {
      std::this_thread::sleep_for(std::chrono::duration<double>(wait));
      wait = std::min(2 * wait, kLongestWait);
      continue;
    }
    if (answer.code == CURLE_OPERATION_TIMEDOUT)
      throw ConversationFailed(Verdict::kTimedOut, url,
                               fmt::format("no answer within {} s", settings_.timeout));
    throw ConversationFailed(Verdict::kBroken, url,
                             arrived ? fmt::format("HTTP status {}", answer.status)
                                     : std::string(curl_easy_strerror(answer.code)));
  }
}

}  // namespace rlvr
