// `rlvr serve`: a model behind OpenAI's HTTP API, docs/serving.md. Read in this order: this,
// generation.h, engine.h, api_request.h, api_response.h, http_server.h.
#ifndef RLVR_SERVE_SERVE_H_
#define RLVR_SERVE_SERVE_H_
#include <memory>
#include <string>

#include "model/model.h"
#include "serve/engine.h"
#include "text/tokenizer.h"

namespace rlvr {

struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: any free one
  std::string model_name;
  std::string api_key;      // empty: none is asked for
  int64_t max_context = 0;  // tokens of prompt and response; 0: the model's context
  size_t max_body = size_t{16} << 20;
  EngineOptions engine;
};

class Server {
 public:
  // Starts to answer. The model and the tokenizer must outlive it. Throws Error.
  Server(const Model& model, const Tokenizer& tokenizer, const ServeOptions& options);
  ~Server();  // requests in flight end with an error

  int port() const;
  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Is it this machine alone that can connect to `host`?
bool IsLoopback(const std::string& host);

}  // namespace rlvr
#endif  // RLVR_SERVE_SERVE_H_
