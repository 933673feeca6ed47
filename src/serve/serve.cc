#include "serve/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "serve/api_error.h"
#include "serve/api_request.h"
#include "serve/api_response.h"
#include "serve/http_server.h"

namespace rlvr {

using nlohmann::json;

namespace {

// How soon a client that has hung up is noticed while nothing is sent to it.
constexpr std::chrono::milliseconds kNotice{50};
constexpr int kRetrySeconds = 1;
constexpr const char* kModels = "/v1/models";

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Takes the same time wherever the keys differ.
bool SameKey(const std::string& a, const std::string& b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

void SetError(const ApiError& e, HttpReply* reply) {
  reply->status = e.status;
  reply->body = ErrorBody(e.status, e.what(), e.param, e.code);
  if (e.status == 429 || e.status == 503) reply->retry_after = kRetrySeconds;
}

}  // namespace

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

struct Server::Impl {
  Impl(const Model& model, const Tokenizer& tokenizer, const ServeOptions& options)
      : tokenizer_(tokenizer),
        options_(options),
        limits_(LimitsOf(model, options)),
        started_(Now()),
        engine_(model, tokenizer, options.engine),
        http_(
            {.host = options.host,
             .port = options.port,
             // Who waits for the engine, and some who are told that it is full.
             .max_connections = static_cast<int>(std::min<int64_t>(
                 options.engine.max_sequences + options.engine.max_waiting + 16, 900)),
             .max_body = options.max_body},
            [this](const HttpRequest& r, HttpReply* reply) { return Accept(r, reply); },
            [this](const HttpRequest& r, HttpReply* reply) { Handle(r, reply); },
            [](int status, const std::string& text) { return ErrorBody(status, text); }) {}
  ~Impl() { engine_.Stop(); }

  static ApiLimits LimitsOf(const Model& model, const ServeOptions& o) {
    const ModelConfig& config = model.config();
    const int64_t context = config.context_length();
    if (o.max_context < 0 || o.max_context > context)
      throw Error("--max-context",
                  fmt::format("is {}, the model's context is {}", o.max_context, context),
                  "give at most that");
    return {.model = o.model_name,
            .vocab_size = static_cast<int32_t>(config.vocab_size),
            .max_context = o.max_context == 0 ? context : o.max_context,
            .max_samples = o.engine.max_sequences,
            .max_choices = o.engine.max_waiting};
  }

  // The key, the path and the method.
  bool Accept(const HttpRequest& r, HttpReply* reply) const {
    try {
      if (!options_.api_key.empty() && r.path != "/health" &&
          !SameKey(r.authorization, "Bearer " + options_.api_key))
        throw ApiError(401, "the API key is missing or wrong: send 'Authorization: Bearer KEY'", "",
                       "invalid_api_key");
      const bool post = r.path == "/v1/chat/completions" || r.path == "/v1/completions";
      const bool get = r.path == "/health" || r.path == kModels || Named(r.path);
      if (!post && !get)
        throw ApiError(404,
                       fmt::format("there is no {} {} (known: /v1/chat/completions, "
                                   "/v1/completions, /v1/models, /health)",
                                   r.method, r.path),
                       "", "unknown_url");
      if (post != (r.method == "POST"))
        throw ApiError(405, fmt::format("{} is for {}", r.path, post ? "POST" : "GET"), "");
      return true;
    } catch (const ApiError& e) {
      SetError(e, reply);
      return false;
    }
  }

  // /v1/models/NAME of the model that is here.
  bool Named(const std::string& path) const {
    return path == fmt::format("{}/{}", kModels, options_.model_name);
  }

  json ModelCard() const {
    return {{"id", options_.model_name},
            {"object", "model"},
            {"created", started_},
            {"owned_by", "rlvr"},
            {"max_model_len", limits_.max_context}};
  }

  void Handle(const HttpRequest& r, HttpReply* reply) {
    if (r.path == "/health") {
      const EngineStats s = engine_.stats();
      reply->body = json({{"status", "ok"}, {"running", s.running}, {"waiting", s.waiting}}).dump();
      return;
    }
    if (r.path == kModels) {
      reply->body = json({{"object", "list"}, {"data", json::array({ModelCard()})}}).dump();
      return;
    }
    if (r.method == "GET") {
      reply->body = ModelCard().dump();
      return;
    }
    try {
      Generate(r, reply);
    } catch (const ApiError& e) {
      SetError(e, reply);
    }
  }

  struct Task {
    ApiRequest request;
    std::unique_ptr<ApiResponse> response;
    std::shared_ptr<Generation> generation;
  };

  void Generate(const HttpRequest& r, HttpReply* reply) {
    const bool chat = r.path == "/v1/chat/completions";
    auto task = std::make_shared<Task>();
    task->request = ParseApiRequest(chat, r.body, tokenizer_, limits_);
    task->response = std::make_unique<ApiResponse>(task->request, tokenizer_, options_.model_name,
                                                   NewId(chat), Now());
    task->generation = engine_.Submit(task->request.prompts);
    if (!task->generation)
      throw engine_.stopped()
          ? ApiError(503, "the server is shutting down", "")
          : ApiError(429, "too many requests wait already: try again", "", "queue_full");
    if (task->request.stream) {
      reply->stream = [task, closed = r.closed](const auto& send) { Stream(*task, closed, send); };
      return;
    }
    try {
      if (!Follow(*task, r.closed, [](const std::string&) { return true; })) return;
      reply->body = task->response->Body();
    } catch (const Error& e) {
      throw ApiError(engine_.stopped() ? 503 : 500, e.what(), "");
    }
  }

  // Hands events on until all samples have ended. False: the client has gone.
  template <class Send>
  static bool Follow(const Task& task, const std::function<bool()>& closed, const Send& send) {
    while (!task.generation->done()) {
      std::string sent;
      for (const GenerationEvent& e : task.generation->Wait(kNotice)) sent += task.response->Add(e);
      if (closed() || (!sent.empty() && !send(sent))) {
        task.generation->Cancel();
        return false;
      }
    }
    return true;
  }

  static void Stream(const Task& task, const std::function<bool()>& closed,
                     const std::function<bool(std::string_view)>& send) {
    try {
      if (Follow(task, closed, send)) send(task.response->EndOfStream());
    } catch (const Error& e) {
      send(ServerSentEvent(ErrorBody(500, e.what())));
    }
  }

  std::string NewId(bool chat) {
    return fmt::format("{}-{:08x}{:08x}", chat ? "chatcmpl" : "cmpl", id_, next_id_++);
  }

  const Tokenizer& tokenizer_;
  const ServeOptions options_;
  const ApiLimits limits_;
  const int64_t started_;
  const uint32_t id_ = std::random_device{}();  // of this server, so that ids do not come again
  std::atomic<uint32_t> next_id_{0};
  Engine engine_;
  HttpServer http_;  // the last: it calls all the others
};

Server::Server(const Model& model, const Tokenizer& tokenizer, const ServeOptions& options)
    : impl_(std::make_unique<Impl>(model, tokenizer, options)) {}

Server::~Server() = default;

int Server::port() const { return impl_->http_.port(); }
EngineStats Server::stats() const { return impl_->engine_.stats(); }

}  // namespace rlvr
