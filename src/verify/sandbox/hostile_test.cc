// Programs that try to harm: each ends within its limits, with the right verdict, and leaves neither a
// process nor a file nor a mount.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "verify/sandbox/code_verifier.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

SandboxSettings Tight() {
  SandboxSettings s;
  s.timeout = 10;  // of those that end by themselves, however busy the machine is
  s.memory = 96;
  s.processes = 24;
  s.output = 64;
  s.disk = 8;
  return s;
}

SandboxSettings Short() {  // of those that do not
  SandboxSettings s = Tight();
  s.timeout = 0.5;
  return s;
}

std::string WholeFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Processes of the machine that run what only this test writes.
int NumLeft() {
  int left = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string line = WholeFile(entry.path().string() + "/cmdline");
    left += line.find("hostile_test_program.py") != std::string::npos;
  }
  return left;
}

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    try {
      Sandbox probe(Tight());
    } catch (const Error& e) {
      GTEST_SKIP() << "no sandbox on this machine: " << e.what();
    }
    mounts_ = WholeFile("/proc/self/mountinfo");
  }

  // The program should print "ok"; what it should be judged as.
  void Expect(Verdict verdict, const std::string& program, const std::string& reason,
              SandboxSettings settings = Tight()) {
    settings.file = "hostile_test_program.py";
    const auto verifier = MakeCodeVerifier(settings);
    const auto begin = std::chrono::steady_clock::now();
    const Judgement j = verifier->Judge("```python\n" + program + "\n```",
                                        R"({"inputs": [""], "outputs": ["ok\n"]})");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(ToString(j.verdict), std::string(ToString(verdict))) << j.reason;
    EXPECT_NE(j.reason.find(reason), std::string::npos) << j.reason;
    EXPECT_LT(took.count(), settings.timeout + 5);  // with the sandbox's own beginning and end
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(NumLeft(), 0);
    EXPECT_EQ(WholeFile("/proc/self/mountinfo"), mounts_);
  }

  std::string mounts_;
};

// Prints "ok" where every statement fails with an OSError.
std::string AllFail(const std::vector<std::string>& statements) {
  std::string program = "import os, socket, subprocess\nbad = []\n";
  for (const std::string& statement : statements) {
    program += "try:\n    " + statement + "\n    bad.append(" + "r'''" + statement +
               "''')\nexcept OSError: pass\n";
  }
  return program + "print('ok' if not bad else bad)";
}

TEST_F(Hostile, ForkBomb) {
  Expect(Verdict::kTimedOut, "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
         "more than its time", Short());
}

TEST_F(Hostile, ProcessesAreCounted) {
  Expect(Verdict::kRight,
         "import os, time\nn = 0\ntry:\n  while n < 200:\n    if os.fork() == 0:\n      "
         "time.sleep(30)\n"
         "    n += 1\nexcept OSError: pass\nprint('ok' if n == 23 else n)",
         "passed");
}

TEST_F(Hostile, ThreadBomb) {
  Expect(Verdict::kRight,
         "import threading, time\nn = 0\ntry:\n  while n < 200:\n"
         "    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n    n += 1\n"
         "except RuntimeError: pass\nprint('ok' if n < 24 else n)",
         "passed");
}

TEST_F(Hostile, MemoryHog) {
  Expect(Verdict::kWrong, "x = []\nwhile True: x.append(bytearray(1 << 20))", "MemoryError");
}

TEST_F(Hostile, MemoryHogInMany) {
  Expect(Verdict::kWrong,
         "import os, time\nfor i in range(8):\n  if os.fork() == 0:\n    x = "
         "bytearray(os.urandom(1) * (40 << 20))\n"
         "    time.sleep(30)\ntime.sleep(30)",
         "more than its memory");
}

TEST_F(Hostile, MemoryThatNoLimitCounts) {
  Expect(Verdict::kRight,
         AllFail({"os.memfd_create('x')", "os.posix_fallocate(os.open('f', 65), 0, 1 << 30)"}),
         "passed");
}

TEST_F(Hostile, EndlessOutput) {
  Expect(Verdict::kWrong, "while True: print('x' * 1000)", "printed more");
  Expect(Verdict::kWrong, "import sys\nwhile True: sys.stderr.write('x' * 1000)", "printed more");
}

TEST_F(Hostile, Network) {
  Expect(Verdict::kRight,
         AllFail({"socket.create_connection(('127.0.0.1', 22), 0.2)",
                  "socket.create_connection(('8.8.8.8', 53), 0.2)",
                  "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
                  "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                  "socket.getaddrinfo('example.com', 80)"}),
         "passed");
}

TEST_F(Hostile, ReadsOutside) {
  Expect(Verdict::kRight,
         AllFail({"open('/etc/shadow').read()", "os.listdir('/root')", "os.listdir('/home')",
                  "os.listdir('/.outside')", "os.listdir('" RLVR_SOURCE_DIR "')",
                  "open('/proc/1/root/etc/shadow').read()", "os.listdir('/sys')",
                  "open('/dev/sda', 'rb')", "open('/dev/vda', 'rb')", "open('/dev/kmsg')",
                  "open('../etc/shadow')", "open('/proc/kcore', 'rb').read(1)"}),
         "passed");
}

TEST_F(Hostile, WritesOutside) {
  const std::string name = "/rlvr_hostile_mark";
  Expect(Verdict::kRight,
         AllFail({"open('" + name + "', 'w')", "open('/usr" + name + "', 'w')",
                  "open('/etc" + name + "', 'w')", "open('/etc/passwd', 'a')",
                  "open('/dev" + name + "', 'w')", "open('/usr/bin/env', 'r+')",
                  "os.remove('/bin')", "os.rename('/etc/passwd', '/etc/p')", "os.mkdir('/x')",
                  "os.chmod('/usr', 0o777)", "os.mknod('n', 0o60600, os.makedev(254, 0))",
                  "open('/proc/sys/kernel/hostname', 'w').write('x')"}) +
             "\nopen('/tmp" + name + "', 'w').write('fine')",
         "passed");
  EXPECT_FALSE(fs::exists("/tmp" + name));
  EXPECT_FALSE(fs::exists(name));
}

TEST_F(Hostile, SignalsOthers) {
  Expect(Verdict::kRight,
         "import os\nparent = os.getppid()\nfor target in (0, -1, parent, 1):\n"
         "  try: os.kill(target, 9)\n  except OSError: pass\n"
         "others = [p for p in os.listdir('/proc') if p.isdigit() and p != '1']\n"
         "print('ok' if parent == 0 and not others else (parent, others))",
         "passed");
}

TEST_F(Hostile, Symlinks) {
  Expect(
      Verdict::kRight,
      "import os\nos.symlink('/etc/shadow', 'a')\nos.symlink('../../../../../..', 'up')\n"
      "os.remove('hostile_test_program.py')\nos.symlink('/etc/passwd', 'hostile_test_program.py')\n"
      "bad = []\nfor p in ('a', 'up/etc/shadow', 'up/root', '/proc/self/root/etc/shadow', "
      "'/proc/self/cwd/../etc/shadow'):\n"
      "  try:\n    open(p).read()\n    bad.append(p)\n  except OSError: pass\n"
      "print('ok' if not bad else bad)",
      "passed");
}

TEST_F(Hostile, Zombies) {
  Expect(Verdict::kRight,
         "import os\nfor i in range(20):\n  if os.fork() == 0: os._exit(0)\nprint('ok')", "passed");
}

TEST_F(Hostile, SleepsForEver) {
  Expect(Verdict::kTimedOut, "import time\nwhile True: time.sleep(1000)", "more than its time",
         Short());
}

TEST_F(Hostile, IgnoresSignals) {
  Expect(Verdict::kTimedOut,
         "import signal, time, os\nfor s in range(1, 65):\n"
         "  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n"
         "print('ok', flush=True)\nos.close(1)\nos.close(2)\nwhile True: time.sleep(1)",
         "more than its time", Short());
}

TEST_F(Hostile, DeletesItsFolder) {
  Expect(Verdict::kRight,
         "import shutil\nfor d in ('/box', '/tmp', '/etc', '/dev'): shutil.rmtree(d, "
         "ignore_errors=True)\n"
         "print('ok')",
         "passed");
}

TEST_F(Hostile, HugeFiles) {
  Expect(
      Verdict::kRight,
      "import os\ntry:\n  with open('big', 'wb') as f:\n    while True: f.write(b'x' * (1 << 20))\n"
      "except OSError: pass\nos.remove('big')\n"
      "try:\n  for i in range(100000): open('f%d' % i, 'w').close()\n"
      "except OSError: pass\nprint('ok' if i < 5000 else i)",
      "passed");
}

TEST_F(Hostile, Daemon) {
  Expect(Verdict::kRight,
         "import os, sys, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
         "    while True: time.sleep(1)\n  os._exit(0)\nos.wait()\nprint('ok')",
         "passed");
}

TEST_F(Hostile, TracesAndMounts) {
  Expect(
      Verdict::kRight,
      "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
      "calls = {'ptrace': (101, 0, 0, 0, 0), 'unshare': (272, 0x10000000), 'mount': (165, 0, "
      "b'/box', b'tmpfs', 0, 0),\n"
      "  'umount': (166, b'/box', 2), 'chroot': (161, b'/box'), 'bpf': (321, 0, 0, 0), 'keyctl': "
      "(250, 0, 0),\n"
      "  'clone newuser': (56, 0x10000000 | 17, 0, 0, 0, 0), 'shmget': (29, 0, 1 << 20, 0o1600),\n"
      "  'setuid': (105, 0), 'process_vm_readv': (310, 1, 0, 0, 0, 0, 0), 'io_uring': (425, 1, "
      "0)}\n"
      "bad = [n for n, c in calls.items() if libc.syscall(*c) != -1]\n"
      "print('ok' if not bad else bad)",
      "passed");
}

TEST_F(Hostile, Crashes) {
  Expect(Verdict::kWrong, "import ctypes\nctypes.string_at(0)", "signal 11");
  Expect(Verdict::kWrong, "import os\nos._exit(3)", "status 3");
  Expect(Verdict::kWrong, "def f(): return f()\nf()", "RecursionError");
  Expect(Verdict::kWrong, "print('ok'", "SyntaxError");
}

TEST_F(Hostile, Descriptors) {
  Expect(Verdict::kRight,
         "import os\nn = len(os.listdir('/proc/self/fd'))\nfds = []\ntry:\n"
         "  while True: fds.append(os.open('/dev/null', 0))\nexcept OSError: pass\n"
         "print('ok' if n == 4 and len(fds) < 128 else (n, len(fds)))",
         "passed");
}

TEST_F(Hostile, ManyAtOnce) {
  SandboxSettings settings = Tight();
  settings.parallel = 3;
  const auto verifier = MakeCodeVerifier(settings);
  JudgedPrompt prompt;
  prompt.ground_truth = R"({"inputs": ["1", "2"], "outputs": ["2", "4"]})";
  std::vector<std::string> responses;
  for (int i = 0; i < 9; ++i)
    responses.push_back(i % 3 == 0   ? "print(int(input()) * 2)"
                        : i % 3 == 1 ? "import os\nos.kill(os.getpid(), 9)\nos.abort()"
                                     : "print(2)");
  const auto verdicts = JudgeAll(*verifier, prompt, responses);
  for (size_t i = 0; i < 9; ++i)
    EXPECT_EQ(verdicts[i].verdict, i % 3 == 0 ? Verdict::kRight : Verdict::kWrong)
        << verdicts[i].reason;
}

}  // namespace
}  // namespace rlvr
