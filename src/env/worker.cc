#include "env/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "rollout/conversation.h"

namespace rlvr {
namespace {

constexpr int64_t kMostStrayLines = 10000;
constexpr size_t kMostOutputAtOnce = 1 << 20, kLongestErrorLine = 4096;
constexpr double kGrace = 1, kEnding = 0.2;  // seconds for a child to end by itself

}  // namespace

Worker::Worker(WorkerSettings settings, WorkerLog log)
    : settings_(std::move(settings)), log_(std::move(log)) {
  Start();
  if (pipe2(wake_.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error("environment", "cannot make a pipe", "raise the limit of open files (ulimit -n)");
  thread_ = std::thread([this] { Run(); });
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  if (child_ != nullptr) child_->Finish(kGrace);
  close(wake_[0]);
  close(wake_[1]);
}

std::string Worker::Ask(int64_t id, const std::string& request) {
  std::unique_lock lock(mutex_);
  Exchange& exchange = exchanges_[id];  // stays where it is until Close
  highest_id_ = std::max(highest_id_, id);
  if (!spent_.empty() && !exchange.failure) exchange.failure = {Verdict::kBroken, spent_};
  exchange.requests.push_back(request);
  Wake();
  answered_.wait(lock, [&] {
    return exchange.failure || exchange.replies.size() == exchange.requests.size();
  });
  if (exchange.failure)
    throw ConversationFailed(exchange.failure->first, "environment", exchange.failure->second);
  return exchange.replies.back();
}

void Worker::Close(int64_t id, bool complete) {
  const std::lock_guard lock(mutex_);
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end()) return;
  if (it->second.started() && child_ != nullptr)
    to_child_ += fmt::format("{{\"id\":{},\"op\":\"end\"}}\n", id);
  exchanges_.erase(it);
  if (complete) restarts_in_a_row_ = 0;
  Wake();
}

int64_t Worker::num_conversations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(exchanges_.size());
}

std::string Worker::spent() const {
  const std::lock_guard lock(mutex_);
  return spent_;
}

int64_t Worker::num_restarts() const {
  const std::lock_guard lock(mutex_);
  return num_restarts_;
}

pid_t Worker::pid() const {
  const std::lock_guard lock(mutex_);
  return child_ == nullptr ? 0 : child_->pid();
}

void Worker::Wake() {
  const char byte = 0;
  [[maybe_unused]] const ssize_t n = write(wake_[1], &byte, 1);  // full: it will wake anyway
}

void Worker::Run() {
  // A child that closed its stdin makes writing an error here, not a signal that ends the program;
  // other signals are for the thread that waits for them.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Send();
    std::array<pollfd, 4> fds = {{{wake_[0], POLLIN, 0},
                                  {child_ == nullptr ? -1 : child_->out(), POLLIN, 0},
                                  {child_ == nullptr ? -1 : child_->err(), POLLIN, 0},
                                  {-1, POLLOUT, 0}}};
    if (child_ != nullptr && !to_child_.empty()) fds[3].fd = child_->in();
    const int timeout = PollTimeout();
    lock.unlock();
    poll(fds.data(), fds.size(), timeout);
    std::array<char, 256> bytes;
    while (read(wake_[0], bytes.data(), bytes.size()) > 0) {
    }
    lock.lock();
    if (child_ != nullptr && fds[2].revents != 0) ReadErrors();
    if (child_ != nullptr && fds[1].revents != 0) ReadOutput();
    if (child_ != nullptr && fds[3].revents != 0) WriteInput();
    CheckDeadlines();
  }
}

void Worker::Start() {
  child_ = std::make_unique<ChildProcess>(settings_.command);
  started_ = Clock::now();
  first_reply_.reset();
}

// Ends the child; the conversations that it had begun must be asked again.
void Worker::Stop(const std::string& why, double grace) {
  if (child_ == nullptr) return;
  const std::string end = child_->Kill(grace);
  ReadErrors();
  if (!errors_.empty()) log_(errors_);
  errors_.clear();
  child_.reset();
  log_(why + "; the process " + end);
  to_child_.clear();
  line_.clear();
  stray_lines_ = 0;
  last_answered_ = -1;
  for (auto& [id, exchange] : exchanges_) {
    exchange.position = 0;
    exchange.in_flight = false;
  }
  ++num_restarts_;
  if (++restarts_in_a_row_ <= settings_.restarts) return;
  spent_ =
      fmt::format("the process ended {} times without a conversation coming to its end; last: {}",
                  restarts_in_a_row_, why);
  for (const auto& [id, exchange] : exchanges_) Fail(id, Verdict::kBroken, spent_);
}

// Every conversation that waits gets its next request to the child, starting one if there is none.
void Worker::Send() {
  if (!spent_.empty()) return;
  for (auto& [id, exchange] : exchanges_) {
    if (exchange.failure || exchange.in_flight ||
        exchange.replies.size() == exchange.requests.size())
      continue;
    if (child_ == nullptr) {
      try {
        Start();
      } catch (const Error& error) {
        spent_ = error.what();
        for (const auto& [other, waiting] : exchanges_) Fail(other, Verdict::kBroken, spent_);
        return;
      }
    }
    to_child_ += exchange.requests[exchange.position];
    to_child_ += '\n';
    exchange.in_flight = true;
    exchange.sent = Clock::now();
    exchange.order = num_sent_++;
  }
}

// A process that has just been started may take its time before the first reply; what it was sent
// meanwhile has waited for that.
Worker::Clock::time_point Worker::Deadline(const Exchange& exchange) const {
  const auto after = [](Clock::time_point from, double seconds) {
    return from +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  if (first_reply_) return after(std::max(exchange.sent, *first_reply_), settings_.timeout);
  return std::max(after(exchange.sent, settings_.timeout),
                  after(started_, settings_.start_timeout));
}

int Worker::PollTimeout() const {
  const int64_t id = Oldest();
  if (id < 0) return -1;
  const std::chrono::duration<double> left = Deadline(exchanges_.at(id)) - Clock::now();
  return static_cast<int>(std::clamp(std::ceil(left.count() * 1000), 0.0, 3600000.0));
}

void Worker::WriteInput() {
  while (!to_child_.empty()) {
    const ssize_t n = write(child_->in(), to_child_.data(), to_child_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) {  // it closed its stdin
      Fault(Suspect(), Verdict::kBroken, "the process reads no more");
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
      Fault(half ? line_owner_ : Suspect(), Verdict::kBroken,
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
        Fault(line_owner_, Verdict::kBroken,
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
      Fault(Suspect(), Verdict::kBroken, "the process floods us with lines nobody asked for");
  };
  const int64_t owner = line_owner_;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return stray();
  nlohmann::json reply = nlohmann::json::parse(line, nullptr, false);
  if (!reply.is_object() || !reply.contains("id") || !reply["id"].is_number_integer()) {
    return Fault(
        owner, Verdict::kBroken,
        "a line that is no JSON object with the request's id: " + std::string(line.substr(0, 80)));
  }
  const auto id = reply["id"].get<int64_t>();
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end() && (id < 0 || id > highest_id_))
    return Fault(owner, Verdict::kBroken, fmt::format("a reply with an id never given: {}", id));
  if (it == exchanges_.end() || it->second.failure) return stray();  // too late
  Exchange& exchange = it->second;
  if (!exchange.in_flight)
    return Fail(id, Verdict::kBroken, "the process answers out of turn, without a request");
  exchange.in_flight = false;
  if (!first_reply_) first_reply_ = Clock::now();
  last_answered_ = id;
  stray_lines_ = 0;
  const size_t at = exchange.position++;
  if (at < exchange.replies.size()) {
    if (reply != nlohmann::json::parse(exchange.replies[at], nullptr, false))
      Fail(id, Verdict::kBroken,
           "the process was started again and does not answer as before; it must depend on prompt, "
           "seed and texts alone");
    return;
  }
  exchange.replies.emplace_back(line);
  answered_.notify_all();
}

// Even a process that answers others meanwhile is started again: it may have begun to hang after
// that, and what else it was sent has waited behind.
void Worker::CheckDeadlines() {
  const int64_t id = Oldest();
  if (id < 0 || Clock::now() < Deadline(exchanges_.at(id))) return;
  Fault(id, Verdict::kTimedOut,
        fmt::format("no answer within {} s",
                    first_reply_ ? settings_.timeout : settings_.start_timeout));
}

int64_t Worker::Oldest() const {
  int64_t oldest = -1, order = 0;
  for (const auto& [id, exchange] : exchanges_) {
    if (!exchange.in_flight || exchange.failure || (oldest >= 0 && exchange.order > order))
      continue;
    oldest = id;
    order = exchange.order;
  }
  return oldest;
}

// Whose doing it is what the child does now.
int64_t Worker::Suspect() const {
  const int64_t oldest = Oldest();
  return oldest >= 0 ? oldest : last_answered_;
}

void Worker::Fail(int64_t id, Verdict verdict, const std::string& why) {
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end() || it->second.failure) return;
  it->second.failure = {verdict, why};
  answered_.notify_all();
}

void Worker::Fault(int64_t id, Verdict verdict, const std::string& why, double grace) {
  Fail(id, verdict, why);
  Stop(why, grace);
}

}  // namespace rlvr
