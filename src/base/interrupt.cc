#include "base/interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace rlvr {
namespace {
volatile sig_atomic_t requested = 0;
void OnSignal(int signal_number) {
  if (requested) _exit(128 + signal_number);
  requested = 1;
}
}  // namespace

void HandleInterrupts() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Writes report these as errors, with the file's name.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

bool InterruptRequested() { return requested != 0; }
}  // namespace rlvr
