// What goes to the child and comes from it: bytes, lines, replies.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/worker.h"

namespace rlvr {
namespace {

constexpr int64_t kMostStrayLines = 10000;
constexpr size_t kMostOutputAtOnce = 1 << 20, kLongestErrorLine = 4096;
constexpr double kEnding = 0.2;  // seconds for a child that closed its output to end by itself

}  // namespace

void Worker::WriteInput() {
  while (!to_child_.empty()) {
    const ssize_t n = write(child_->in(), to_child_.data(), to_child_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) {  // it closed its stdin
      Fault(Suspect(), WorkerFault::kBroken, "the process reads no more");
      return;
    }
    to_child_.erase(0, static_cast<size_t>(n));
  }
}

void Worker::ReadErrors() {
  std::array<char, 4096> bytes;
  for (int i = 0; i < 16; ++i) {  // a flood there must not keep the replies waiting
    const ssize_t n = read(child_->err(), bytes.data(), bytes.size());
    if (n <= 0) return;
    errors_.append(bytes.data(), static_cast<size_t>(n));
    size_t begin = 0;
    for (size_t end; (end = errors_.find('\n', begin)) != std::string::npos; begin = end + 1)
      log_(std::string_view(errors_).substr(begin, end - begin));
    errors_.erase(0, begin);
    if (errors_.size() > kLongestErrorLine) {
      log_(errors_);
      errors_.clear();
    }
  }
}

void Worker::ReadOutput() {
  static thread_local std::array<char, 65536> bytes;
  for (size_t total = 0; total < kMostOutputAtOnce;) {
    const ssize_t n = read(child_->out(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) {
      const bool half = !line_.empty();
      Fault(half ? line_owner_ : Suspect(), WorkerFault::kBroken,
            half ? "the process ended within a line" : "the process ended", kEnding);
      return;
    }
    total += static_cast<size_t>(n);
    const std::string_view chunk(bytes.data(), static_cast<size_t>(n));
    for (size_t begin = 0; begin < chunk.size();) {
      if (line_.empty()) line_owner_ = Suspect();
      const size_t end = chunk.find('\n', begin);
      line_.append(chunk.substr(begin, end == std::string_view::npos ? end : end - begin));
      if (static_cast<int64_t>(line_.size()) > settings_.max_line) {
        Fault(line_owner_, WorkerFault::kBroken,
              fmt::format("a line of more than {} bytes", settings_.max_line));
        return;
      }
      if (end == std::string_view::npos) break;
      begin = end + 1;
      const std::string line = std::move(line_);
      line_.clear();
      TakeLine(line);
      if (child_ == nullptr) return;
    }
  }
}

void Worker::TakeLine(std::string_view line) {
  const auto stray = [&] {
    if (++stray_lines_ > kMostStrayLines)
      Fault(Suspect(), WorkerFault::kBroken, "the process floods us with lines nobody asked for");
  };
  const int64_t owner = line_owner_;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return stray();
  nlohmann::json reply = nlohmann::json::parse(line, nullptr, false);
  if (!reply.is_object() || !reply.contains("id") || !reply["id"].is_number_integer()) {
    return Fault(
        owner, WorkerFault::kBroken,
        "a line that is no JSON object with the request's id: " + std::string(line.substr(0, 80)));
  }
  const auto id = reply["id"].get<int64_t>();
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end() && (id < 0 || id > highest_id_))
    return Fault(owner, WorkerFault::kBroken,
                 fmt::format("a reply with an id never given: {}", id));
  if (it == exchanges_.end() || it->second.failure) return stray();  // too late
  Exchange& exchange = it->second;
  if (!exchange.in_flight)
    return Fail(id, WorkerFault::kBroken, "the process answers out of turn, without a request");
  exchange.in_flight = false;
  if (!first_reply_) first_reply_ = Clock::now();
  last_answered_ = id;
  stray_lines_ = 0;
  const size_t at = exchange.position++;
  if (at < exchange.replies.size()) {
    if (reply != nlohmann::json::parse(exchange.replies[at], nullptr, false))
      Fail(id, WorkerFault::kBroken,
           "the process was started again and does not answer as before; it must depend on prompt, "
           "seed and texts alone");
    return;
  }
  exchange.replies.emplace_back(line);
  answered_.notify_all();
}

}  // namespace rlvr
