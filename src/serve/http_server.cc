#include "serve/http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "serve/connection.h"

namespace rlvr {
namespace {

thread_local Connection* current = nullptr;  // whose request this thread serves

HttpRequest Head(const httplib::Request& r) {
  return {.method = r.method,
          .path = r.path,
          .authorization = r.get_header_value("Authorization"),
          .content_type = r.get_header_value("Content-Type"),
          .body = {},
          .closed = [connection = current] { return connection->HungUp(); }};
}

void Send(HttpReply reply, httplib::Response* response) {
  response->status = reply.status;
  if (reply.retry_after > 0) response->set_header("Retry-After", std::to_string(reply.retry_after));
  if (current->close()) response->set_header("Connection", "close");
  if (!reply.stream) {
    response->set_content(reply.body, "application/json");
    return;
  }
  response->set_header("Cache-Control", "no-cache");
  response->set_chunked_content_provider(
      "text/event-stream", [stream = std::move(reply.stream)](size_t, httplib::DataSink& sink) {
        bool gone = false;
        stream([&](std::string_view events) {
          gone = gone || current->HungUp() || !sink.write(events.data(), events.size());
          return !gone;
        });
        if (!gone) sink.done();
        return !gone;
      });
}

}  // namespace

struct HttpServer::Impl : httplib::Server {
  Impl(const HttpOptions& o, Accept a, Handle h, ErrorBody e)
      : options(o), accept(std::move(a)), handle(std::move(h)), error_body(std::move(e)) {
    new_task_queue = [n = static_cast<size_t>(o.max_connections)] {
      return new httplib::ThreadPool(n);
    };
    set_tcp_nodelay(true);
    // Not the library's SO_REUSEPORT, with which two servers share a port.
    set_socket_options([](int socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_payload_max_length(o.max_body);
    set_pre_routing_handler([this](const httplib::Request& r, httplib::Response& response) {
      return PreRoute(r, &response);
    });
    Post(".*", [this](const httplib::Request& r, httplib::Response& response,
                      const httplib::ContentReader& read) { Answer(r, read, &response); });
    set_error_handler(
        httplib::Server::Handler([this](const httplib::Request&, httplib::Response& response) {
          if (!response.body.empty()) return;
          response.set_header("Connection", "close");
          current->CloseAfterReply();
          response.set_content(
              error_body(response.status, "this is no HTTP request that is understood"),
              "application/json");
        }));
    set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          current->CloseAfterReply();
          Send({.status = 500, .body = error_body(500, "the server failed")}, &response);
        });
  }

  // What can be said without the body.
  HandlerResponse PreRoute(const httplib::Request& r, httplib::Response* response) {
    HttpReply reply;
    const std::optional<int> refusal = Refuse(r, &reply);
    if (refusal) {
      current->CloseAfterReply();
      Send(std::move(reply), response);
      return HandlerResponse::Handled;
    }
    if (r.method == "POST") return HandlerResponse::Unhandled;
    if (r.has_header("Content-Length") || r.has_header("Transfer-Encoding"))
      current->CloseAfterReply();
    handle(Head(r), &reply);
    Send(std::move(reply), response);
    return HandlerResponse::Handled;
  }

  std::optional<int> Refuse(const httplib::Request& r, HttpReply* reply) const {
    const auto error = [&](int status, const std::string& text) {
      *reply = {.status = status, .body = error_body(status, text)};
      return status;
    };
    if (r.method != "GET" && r.method != "POST") return error(405, "use GET or POST");
    if (!accept(Head(r), reply)) return reply->status;
    if (r.method == "GET") return std::nullopt;
    const std::string encoding = r.get_header_value("Content-Encoding");
    if (!encoding.empty() && encoding != "identity")
      return error(415, "a body with Content-Encoding is not read");
    if (r.get_header_value("Content-Type").rfind("application/json", 0) != 0)
      return error(415, "the body must be JSON, with Content-Type: application/json");
    if (r.has_header("Transfer-Encoding")) return std::nullopt;
    const std::string length = r.get_header_value("Content-Length");
    size_t bytes = 0;
    const auto [end, problem] =
        std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (length.empty()) return error(411, "the request has no Content-Length");
    if (end != length.data() + length.size() || problem == std::errc::invalid_argument)
      return error(400, "Content-Length is no number");
    if (problem != std::errc() || bytes > options.max_body) return error(413, TooLarge());
    return std::nullopt;
  }

  std::string TooLarge() const {
    return "the body has more than " + std::to_string(options.max_body) + " bytes";
  }

  void Answer(const httplib::Request& r, const httplib::ContentReader& read,
              httplib::Response* response) {
    HttpRequest request = Head(r);
    HttpReply reply;
    bool too_large = false;
    const bool whole = read([&](const char* bytes, size_t n) {
      too_large = request.body.size() + n > options.max_body;
      if (!too_large) request.body.append(bytes, n);
      return !too_large;
    });
    if (!whole) {
      current->CloseAfterReply();
      const int status = too_large ? 413 : 400;
      reply = {.status = status,
               .body = error_body(status, too_large ? TooLarge() : "the body is incomplete")};
    } else {
      handle(request, &reply);
    }
    Send(std::move(reply), response);
  }

  bool process_and_close_socket(int socket) override {
    Connection connection(socket, svr_sock_);
    current = &connection;
    bool ok = true;
    while (ok && !connection.close() && connection.WaitForRequest()) {
      bool close = false;
      try {
        ok = process_request(connection, false, close, [&](httplib::Request& r) {
          r.ranges.clear();
          r.headers.erase("Accept-Encoding");
          // Chunks have sizes between them.
          connection.AllowBody(options.max_body + options.max_body / 2);
        });
      } catch (const std::exception&) {  // no memory for the reply
        ok = false;
      }
      ok = ok && !close;
    }
    current = nullptr;
    return ok;
  }

  int Bind() {
    if (options.port == 0) {
      if (bind_to_any_port(options.host) < 0) return -1;
    } else if (!bind_to_port(options.host, options.port)) {
      return -1;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    // The library's queue of five would turn clients away that come at once.
    if (::listen(svr_sock_, 1024) != 0 ||
        getsockname(svr_sock_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      return -1;
    // The port stands at the same place in both families.
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }

  const HttpOptions options;
  const Accept accept;
  const Handle handle;
  const ErrorBody error_body;
  int port = 0;
  std::thread thread;
};

HttpServer::HttpServer(const HttpOptions& options, Accept accept, Handle handle,
                       ErrorBody error_body)
    : impl_(std::make_unique<Impl>(options, std::move(accept), std::move(handle),
                                   std::move(error_body))) {
  impl_->port = impl_->Bind();
  if (impl_->port < 0)
    throw Error(options.host + ":" + std::to_string(options.port), "cannot listen there",
                "another program may have the port: give another --port, or 0 for any");
  impl_->thread = std::thread([this] { impl_->listen_after_bind(); });
  while (!impl_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

HttpServer::~HttpServer() {
  impl_->stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

int HttpServer::port() const { return impl_->port; }

}  // namespace rlvr
