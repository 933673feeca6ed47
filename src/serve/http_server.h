// HTTP/1.1 for a few hundred clients at a time, hostile ones included: sizes and times are bounded.
// What a path means is the handler's affair.
#ifndef RLVR_SERVE_HTTP_SERVER_H_
#define RLVR_SERVE_HTTP_SERVER_H_
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rlvr {

struct HttpRequest {
  std::string method;  // GET or POST
  std::string path;
  std::string authorization;  // the header's value
  std::string content_type;
  std::string body;
  std::function<bool()> closed;  // has the client hung up?
};

struct HttpReply {
  int status = 200;
  std::string body;     // JSON
  int retry_after = 0;  // seconds, for status 429 and 503
  // Instead of the body: server-sent events. Called once, with a function that sends some and returns
  // false once the client has gone.
  std::function<void(const std::function<bool(std::string_view)>& send)> stream;
};

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: any free one
  int max_connections = 64;
  size_t max_body = size_t{16} << 20;  // bytes
};

class HttpServer {
 public:
  // accept: called when a request's head is read, before its body; false: `reply` says why not.
  // handle: with the body. Both are called from many threads. error_body: the body of an error that
  // HTTP itself has (status, text).
  using Accept = std::function<bool(const HttpRequest& request, HttpReply* reply)>;
  using Handle = std::function<void(const HttpRequest& request, HttpReply* reply)>;
  using ErrorBody = std::function<std::string(int status, const std::string& text)>;

  // Binds and starts to listen. Throws Error (the port is taken).
  HttpServer(const HttpOptions& options, Accept accept, Handle handle, ErrorBody error_body);
  ~HttpServer();  // ends connections that wait for a request, and waits for the others

  int port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlvr
#endif  // RLVR_SERVE_HTTP_SERVER_H_
