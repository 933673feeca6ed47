// Ctrl-C and SIGTERM: the first asks the work to stop at its next safe point; a second one ends the
// process at once (files are written atomically, so nothing is left half done). Many senders signal
// a process and then its group (timeout, mpirun, a container's init), so what comes within
// kSameInterruptSeconds of the first is the first, said twice.
#ifndef RLVR_BASE_INTERRUPT_H_
#define RLVR_BASE_INTERRUPT_H_

namespace rlvr {
constexpr double kSameInterruptSeconds = 0.5;

void HandleInterrupts();  // installs the handlers; once, in main
bool InterruptRequested();
}  // namespace rlvr
#endif  // RLVR_BASE_INTERRUPT_H_
