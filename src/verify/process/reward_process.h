// A reward of one's own, in any language: child processes that answer lines of JSON.
// docs/own_reward.md.
#ifndef RLVR_VERIFY_PROCESS_REWARD_PROCESS_H_
#define RLVR_VERIFY_PROCESS_REWARD_PROCESS_H_
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "verify/verify.h"

namespace rlvr {

struct RewardProcessSettings {  // reward.process
  std::vector<std::string> command;
  int workers = 2;
  int in_flight = 1;  // questions that each may have at once
  double timeout = 30, start_timeout = 120;
  int retries = 1;     // of a question that a process died or hung on
  int restarts = 100;  // in a row, with nothing answered in between
  int64_t max_line = 1 << 20;
  std::string log;  // a file; empty: stderr

  template <class Visitor>
  void Params(Visitor& p) {
    p("command", command);
    p("workers", workers, 1, 1024);
    p("in_flight", in_flight, 1, 4096);
    p("timeout", timeout, 0.001, 86400.0);
    p("start_timeout", start_timeout, 0.001, 86400.0);
    p("retries", retries, 0, 1000);
    p("restarts", restarts, 0, 1 << 30);
    p("max_line", max_line, int64_t{64}, int64_t{1} << 30);
    p("log", log);
  }
};

// Verdicts of responses that the processes could not judge are timed out or broken; where every
// process has been given up, judging throws Error.
std::unique_ptr<Verifier> MakeRewardProcess(const RewardProcessSettings& settings);

}  // namespace rlvr
#endif  // RLVR_VERIFY_PROCESS_REWARD_PROCESS_H_
