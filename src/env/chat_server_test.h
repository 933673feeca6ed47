// A small server in this process that answers like an OpenAI-compatible one, or as badly as it is
// told to.
#ifndef RLVR_ENV_CHAT_SERVER_TEST_H_
#define RLVR_ENV_CHAT_SERVER_TEST_H_
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rlvr {

// Answers one connection after the other with what `answer` makes of the request's text; empty: the
// connection is closed without a word. Listens on a free port of this machine.
class ChatServer {
 public:
  explicit ChatServer(std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~ChatServer() {
    stopping_ = true;
    thread_.join();
    close(socket_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    while (!stopping_) {
      pollfd waiting{socket_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const int connection = accept(socket_, nullptr, nullptr);
      std::string request;
      char bytes[4096];
      while (!Complete(request)) {
        const ssize_t n = read(connection, bytes, sizeof bytes);
        if (n <= 0) break;
        request.append(bytes, static_cast<size_t>(n));
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const std::string reply = answer_(request);
      send(connection, reply.data(), reply.size(), MSG_NOSIGNAL);
      close(connection);
    }
  }
  static bool Complete(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t length = request.find("Content-Length: ");
    return request.size() >= end + 4 + std::stoul(request.substr(length + 16));
  }

  std::function<std::string(const std::string&)> answer_;
  int socket_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

inline std::string Http(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}
inline std::string Completion(const std::string& json_text) {
  return Http("200 OK",
              R"({"choices": [{"message": {"role": "assistant", "content": )" + json_text + "}}]}");
}

}  // namespace rlvr
#endif  // RLVR_ENV_CHAT_SERVER_TEST_H_
