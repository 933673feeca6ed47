#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/error.h"

extern char** environ;

namespace rlvr {
namespace {

struct Pipe {
  int read = -1, write = -1;
};

void ClosePipe(Pipe* pipe) {
  if (pipe->read >= 0) close(pipe->read);
  if (pipe->write >= 0) close(pipe->write);
  *pipe = {};
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::string& place) {
  const std::string name = command.empty() ? "" : command[0];
  const auto fail = [&](const std::string& what, int error) {
    return Error(place + ".command: " + name, what + ": " + std::strerror(error),
                 "check the command; it is a list: [python3, game.py]");
  };
  std::array<Pipe, 3> pipes;  // stdin, stdout, stderr
  for (Pipe& pipe : pipes) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      const int error = errno;
      for (Pipe& made : pipes) ClosePipe(&made);
      throw fail("cannot make a pipe", error);
    }
    pipe = {ends[0], ends[1]};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[0].read, 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[1].write, 1);
  posix_spawn_file_actions_adddup2(&actions, pipes[2].write, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
  std::vector<std::string> arguments = command;
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int error = command.empty() ? ENOENT
                                    : posix_spawnp(&pid_, name.c_str(), &actions, &attributes,
                                                   argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    for (Pipe& pipe : pipes) ClosePipe(&pipe);
    throw fail("cannot start it", error);
  }
  close(pipes[0].read);
  close(pipes[1].write);
  close(pipes[2].write);
  in_ = pipes[0].write;
  out_ = pipes[1].read;
  err_ = pipes[2].read;
  for (const int fd : {in_, out_, err_}) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  Kill();
  CloseAll();
}

void ChildProcess::CloseAll() {
  for (int* fd : {&in_, &out_, &err_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

void ChildProcess::Finish(double seconds) {
  if (in_ >= 0) close(in_);
  in_ = -1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!reaped_) {
    // Whatever it still says is dropped, so that a full pipe does not keep it.
    std::array<char, 4096> rest;
    for (const int fd : {out_, err_})
      while (fd >= 0 && read(fd, rest.data(), rest.size()) > 0 &&
             std::chrono::steady_clock::now() < end) {
      }
    reaped_ = waitpid(pid_, &status_, WNOHANG) == pid_;
    if (reaped_ || std::chrono::steady_clock::now() >= end) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::string ChildProcess::Kill(double grace) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(grace);
  while (!reaped_ && !(reaped_ = waitpid(pid_, &status_, WNOHANG) == pid_) &&
         std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!killed_) kill(-pid_, SIGKILL);  // its own children too, even where it has ended
  killed_ = true;
  while (!reaped_) {
    const pid_t got = waitpid(pid_, &status_, 0);
    reaped_ = got == pid_ || (got < 0 && errno != EINTR);
  }
  if (WIFEXITED(status_)) return "exited with status " + std::to_string(WEXITSTATUS(status_));
  if (WIFSIGNALED(status_)) return "was killed by signal " + std::to_string(WTERMSIG(status_));
  return "ended";
}

}  // namespace rlvr
