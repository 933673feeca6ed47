#include "base/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace rlvr {
namespace {

constexpr double kGrace = 1;  // seconds for a child to end by itself

}  // namespace

Worker::Worker(WorkerSettings settings, WorkerLog log)
    : settings_(std::move(settings)), log_(std::move(log)) {
  Start();
  if (pipe2(wake_.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(settings_.place, "cannot make a pipe", "raise the limit of open files (ulimit -n)");
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
  if (!spent_.empty() && !exchange.failure) exchange.failure = {WorkerFault::kBroken, spent_};
  exchange.requests.push_back(request);
  Wake();
  answered_.wait(lock, [&] {
    return exchange.failure || exchange.replies.size() == exchange.requests.size();
  });
  if (exchange.failure)
    throw WorkerFailed(exchange.failure->first, settings_.place, exchange.failure->second);
  return exchange.replies.back();
}

void Worker::Close(int64_t id, bool complete) {
  const std::lock_guard lock(mutex_);
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end()) return;
  if (settings_.says_end && it->second.started() && child_ != nullptr)
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
  child_ = std::make_unique<ChildProcess>(settings_.command, settings_.place);
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
  spent_ = fmt::format("the process ended {} times without finishing anything; last: {}",
                       restarts_in_a_row_, why);
  for (const auto& [id, exchange] : exchanges_) Fail(id, WorkerFault::kBroken, spent_);
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
        for (const auto& [other, waiting] : exchanges_) Fail(other, WorkerFault::kBroken, spent_);
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

// Even a process that answers others meanwhile is started again: it may have begun to hang after
// that, and what else it was sent has waited behind.
void Worker::CheckDeadlines() {
  const int64_t id = Oldest();
  if (id < 0 || Clock::now() < Deadline(exchanges_.at(id))) return;
  Fault(id, WorkerFault::kTimedOut,
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

void Worker::Fail(int64_t id, WorkerFault fault, const std::string& why) {
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end() || it->second.failure) return;
  it->second.failure = {fault, why};
  answered_.notify_all();
}

void Worker::Fault(int64_t id, WorkerFault fault, const std::string& why, double grace) {
  Fail(id, fault, why);
  Stop(why, grace);
}

}  // namespace rlvr
