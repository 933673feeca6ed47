// A client that sends what it likes, for tests of what no HTTP library does.
#ifndef RLVR_SERVE_RAW_CLIENT_TEST_H_
#define RLVR_SERVE_RAW_CLIENT_TEST_H_
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace rlvr {

class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;

  void Send(const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;  // the server has had enough
      sent += static_cast<size_t>(n);
    }
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  // All that came up to `words`; what came after them is lost.
  std::string ReadUntil(const std::string& words) {
    std::string bytes;
    while (bytes.find(words) == std::string::npos && Read(&bytes)) {
    }
    return bytes;
  }
  // Until the server closes, or resets.
  std::string ReadAll() {
    std::string bytes;
    while (Read(&bytes)) {
    }
    return bytes;
  }

 private:
  bool Read(std::string* bytes) {
    pollfd waiting{socket_, POLLIN, 0};
    if (poll(&waiting, 1, 20000) <= 0) {
      ADD_FAILURE() << "no answer in 20 s";
      return false;
    }
    char piece[4096];
    const ssize_t n = recv(socket_, piece, sizeof piece, 0);
    if (n <= 0) return false;
    bytes->append(piece, static_cast<size_t>(n));
    return true;
  }
  int socket_;
};

}  // namespace rlvr
#endif  // RLVR_SERVE_RAW_CLIENT_TEST_H_
