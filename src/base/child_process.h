// A child process whose stdin, stdout and stderr are pipes to this one.
#ifndef RLVR_BASE_CHILD_PROCESS_H_
#define RLVR_BASE_CHILD_PROCESS_H_
#include <sys/types.h>

#include <string>
#include <vector>

namespace rlvr {

// The child leads a process group of its own, with default signal handling; our ends of the pipes
// do not block and are closed in other children. Destruction kills the group and leaves no zombie.
class ChildProcess {
 public:
  // command: the program (looked up in PATH) and its arguments. Throws Error if it cannot start.
  // place: whose command it is, for the Error.
  ChildProcess(const std::vector<std::string>& command, const std::string& place);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  int in() const { return in_; }  // what we write is the child's stdin
  int out() const { return out_; }
  int err() const { return err_; }

  // Closes the child's stdin and waits for its own end, at most so long.
  void Finish(double seconds);
  // Kills what is left of the group; a child that is about to end by itself may take so long. How
  // it ended: "exited with status 3", "was killed by signal 9".
  std::string Kill(double grace = 0);

 private:
  void CloseAll();
  pid_t pid_ = -1;
  bool reaped_ = false, killed_ = false;
  int status_ = 0;
  int in_ = -1, out_ = -1, err_ = -1;
};

}  // namespace rlvr
#endif  // RLVR_BASE_CHILD_PROCESS_H_
