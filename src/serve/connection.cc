#include "serve/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rlvr {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMaxHead = 64 << 10;
constexpr seconds kIdle{30}, kReadRequest{30}, kWrite{30};
constexpr milliseconds kSlice{100};  // how long a stop may go unnoticed
// A reply is lost if the socket is closed while the client still writes, so some of that is read.
constexpr milliseconds kLinger{1000};

}  // namespace

Connection::Connection(int socket, const std::atomic<int>& listening)
    : socket_(socket), listening_(listening) {}

Connection::~Connection() {
  ::shutdown(socket_, SHUT_WR);
  if (close_) {
    char ignored[4096];
    for (const auto end = Clock::now() + kLinger; Poll(POLLIN, end);)
      if (::recv(socket_, ignored, sizeof ignored, MSG_DONTWAIT) <= 0) break;
  }
  ::close(socket_);
}

bool Connection::Poll(short events, Clock::time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd p{socket_, events, 0};
    const int ready = ::poll(&p, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool Connection::WaitForRequest() {
  const auto idle = Clock::now() + kIdle;
  while (begin_ == end_) {
    if (listening_ == -1 || Clock::now() > idle) return false;
    if (!Poll(POLLIN, std::min(idle, Clock::now() + kSlice))) continue;
    const ssize_t n = ::recv(socket_, buffer_, sizeof buffer_, 0);
    if (n <= 0) return false;
    begin_ = 0;
    end_ = static_cast<size_t>(n);
  }
  budget_ = kMaxHead;
  deadline_ = Clock::now() + kReadRequest;
  return true;
}

bool Connection::HungUp() const {
  pollfd p{socket_, POLLIN, 0};
  if (::poll(&p, 1, 0) <= 0) return false;
  char byte;
  const ssize_t n = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

bool Connection::is_readable() const { return begin_ < end_ || Poll(POLLIN, deadline_); }
bool Connection::is_writable() const { return Poll(POLLOUT, Clock::now() + kWrite); }

ssize_t Connection::read(char* bytes, size_t size) {
  if (budget_ == 0) {
    close_ = true;
    return -1;
  }
  size = std::min(size, budget_);
  if (begin_ == end_) {
    const ssize_t n =
        Poll(POLLIN, deadline_) ? ::recv(socket_, buffer_, sizeof buffer_, 0) : ssize_t{-1};
    if (n <= 0) {
      close_ = true;
      return n;
    }
    begin_ = 0;
    end_ = static_cast<size_t>(n);
  }
  const size_t n = std::min(size, end_ - begin_);
  std::memcpy(bytes, buffer_ + begin_, n);
  begin_ += n;
  budget_ -= n;
  return static_cast<ssize_t>(n);
}

ssize_t Connection::write(const char* bytes, size_t size) {
  for (;;) {
    const ssize_t n = ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !is_writable()) return -1;
  }
}

// Nobody asks for addresses here.
void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}
void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace rlvr
