// Environments of one's own, in any language: child processes that speak lines of JSON.
#ifndef RLVR_ENV_PROCESS_H_
#define RLVR_ENV_PROCESS_H_
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/worker_pool.h"
#include "env/environment.h"

namespace rlvr {

struct ProcessSettings {
  std::vector<std::string> command;
  int workers = 2;
  double timeout = 30, start_timeout = 120;
  int restarts = 100;
  int64_t max_line = 1 << 20;
  std::string log;  // a file; empty: stderr, behind "environment 0: "

  template <class Visitor>
  void Params(Visitor& p) {
    p("command", command);
    p("workers", workers, 1, 1024);
    p("timeout", timeout, 0.001, 86400.0);
    p("start_timeout", start_timeout, 0.001, 86400.0);
    p("restarts", restarts, 0, 1 << 30);
    p("max_line", max_line, int64_t{64}, int64_t{1} << 30);
    p("log", log);
  }
};
std::unique_ptr<EnvironmentMaker> MakeProcess(const ProcessSettings& settings,
                                              const EnvironmentServices& services);

}  // namespace rlvr
#endif  // RLVR_ENV_PROCESS_H_
