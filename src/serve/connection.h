// One client's socket, as cpp-httplib reads and writes it. Unlike the library's own it bounds the
// bytes and the time of a request, and knows when the client has hung up.
#ifndef RLVR_SERVE_CONNECTION_H_
#define RLVR_SERVE_CONNECTION_H_
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <string>

namespace rlvr {

class Connection : public httplib::Stream {
 public:
  Connection(int socket, const std::atomic<int>& listening);
  ~Connection() override;  // closes

  // Waits for the first byte of the next request. False: no more will come.
  bool WaitForRequest();
  // The head has been read: now the body may come.
  void AllowBody(size_t max_body) { budget_ += max_body; }
  // Nothing more is read: what is left of the request would be taken for the next one.
  void CloseAfterReply() { close_ = true; }
  bool close() const { return close_; }
  bool HungUp() const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool Poll(short events, Clock::time_point deadline) const;

  const int socket_;
  const std::atomic<int>& listening_;  // -1: the server stops
  char buffer_[4096];
  size_t begin_ = 0, end_ = 0;
  size_t budget_ = 0;  // bytes that the request may still have
  Clock::time_point deadline_;
  bool close_ = false;
};

}  // namespace rlvr
#endif  // RLVR_SERVE_CONNECTION_H_
