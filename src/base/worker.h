// One child process that holds many conversations: requests and replies are lines of JSON with the
// conversation's id. Environments (docs/environments.md) and rewards (docs/own_reward.md, where each
// conversation is one question) speak this way.
#ifndef RLVR_BASE_WORKER_H_
#define RLVR_BASE_WORKER_H_
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/child_process.h"
#include "base/error.h"

namespace rlvr {

struct WorkerSettings {
  std::string place = "environment";  // the recipe's section, for messages
  std::vector<std::string> command;
  double timeout = 30;         // seconds, of one request
  double start_timeout = 120;  // of a fresh process, until its first reply
  int restarts = 100;          // in a row, with no conversation coming to its end in between
  int64_t max_line = 1 << 20;  // bytes of one reply
  bool says_end = true;        // tells the child that a conversation is over
};

// What became of a conversation that the child could not hold.
enum class WorkerFault : uint8_t { kTimedOut, kBroken };
class WorkerFailed : public Error {
 public:
  WorkerFailed(WorkerFault fault, const std::string& place, const std::string& what)
      : Error(place, what, "see what the process said on stderr"), fault(fault), what_alone(what) {}
  WorkerFault fault;
  std::string what_alone;
};

// What it says on stderr, and what is said about it, line by line. Thread-safe.
using WorkerLog = std::function<void(std::string_view line)>;

// A child that breaks the protocol, dies or hangs costs one conversation: the one whose request it
// has had for longest (or the one that it was answering when it began the bad line). The child is
// killed and started again, and its other conversations are brought to where they were by asking
// the same questions again; one that is now answered otherwise fails too.
class Worker {
 public:
  Worker(WorkerSettings settings, WorkerLog log);  // starts the child
  ~Worker();                                       // and ends it

  // A line of JSON (without its end) with this id -> the reply's line. One request of a
  // conversation at a time; many conversations at once. Throws WorkerFailed.
  std::string Ask(int64_t id, const std::string& request);
  // The conversation is over; complete: it came to its own end. Its id never comes back.
  void Close(int64_t id, bool complete);

  int64_t num_conversations() const;
  // Why it takes no more conversations; empty: it does.
  std::string spent() const;
  int64_t num_restarts() const;
  pid_t pid() const;  // of the child; 0: there is none now

 private:
  using Clock = std::chrono::steady_clock;
  struct Exchange {
    std::vector<std::string> requests, replies;
    size_t position = 0;  // replies of the present child
    bool in_flight = false;
    Clock::time_point sent;
    int64_t order = 0;  // of sending
    std::optional<std::pair<WorkerFault, std::string>> failure;
    bool started() const { return position > 0 || in_flight; }
  };

  void Run();
  void Start();
  void Stop(const std::string& why, double grace);
  void Send();
  Clock::time_point Deadline(const Exchange& exchange) const;
  int PollTimeout() const;
  void ReadOutput();
  void ReadErrors();
  void WriteInput();
  void TakeLine(std::string_view line);
  void CheckDeadlines();
  int64_t Oldest() const;  // in flight; -1: none
  int64_t Suspect() const;
  void Fail(int64_t id, WorkerFault fault, const std::string& why);
  void Fault(int64_t id, WorkerFault fault, const std::string& why, double grace = 0);
  void Wake();

  const WorkerSettings settings_;
  const WorkerLog log_;
  std::array<int, 2> wake_{};  // a pipe that ends the thread's waiting
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  bool stopping_ = false;
  std::string spent_;
  std::map<int64_t, Exchange> exchanges_;
  int64_t highest_id_ = -1, num_sent_ = 0, last_answered_ = -1, num_restarts_ = 0;
  int restarts_in_a_row_ = 0;
  std::unique_ptr<ChildProcess> child_;
  std::string to_child_, line_, errors_;
  int64_t line_owner_ = -1;  // the suspect when line_ began
  int64_t stray_lines_ = 0;  // since the last good one
  Clock::time_point started_;
  std::optional<Clock::time_point> first_reply_;  // of the present child
  std::thread thread_;                            // the only one that touches the child
};

}  // namespace rlvr
#endif  // RLVR_BASE_WORKER_H_
