#include "verify/sandbox/launch.h"
#include "verify/sandbox/sandbox.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "base/error.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

// In a process of its own, which dies of a failure: its exit status.
int InChild(const std::function<bool()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      Sandbox probe({});
    } catch (const Error& e) {
      GTEST_SKIP() << "no sandbox on this machine: " << e.what();
    }
  }
};

TEST_F(SandboxTest, Runs) {
  const Sandbox sandbox({});
  const ProgramResult r = sandbox.Run(
      "import os, sys\nprint(int(input()) * 2, os.getpid(), os.getuid(), os.getcwd(), "
      "open('x').read())\n"
      "sys.stderr.write('note')\nsys.exit(3)",
      "21\n", {{"x", "beside"}});
  EXPECT_EQ(r.out, "42 1 1000 /box beside\n") << r.err;
  EXPECT_EQ(r.err, "note");
  EXPECT_EQ(r.end, RunEnd::kExited);
  EXPECT_EQ(r.status, 3);
  EXPECT_EQ(Describe(r), "exited with status 3: note");
}

// Until it is the program a new process shares its memory's attributes with all that start meanwhile.
TEST_F(SandboxTest, ManyStartAtOnce) {
  SandboxSettings settings;
  settings.command = {"true"};
  settings.parallel = 8;
  const Sandbox sandbox(settings);
  std::vector<std::string> failures(8);
  std::vector<std::thread> threads;
  for (std::string& failure : failures) {
    threads.emplace_back([&] {
      try {
        for (int i = 0; i < 100; ++i) sandbox.Run("", "");
      } catch (const Error& e) {
        failure = e.what();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::string& failure : failures) EXPECT_EQ(failure, "");
}

TEST_F(SandboxTest, OtherLanguages) {
  SandboxSettings settings;
  settings.command = {"sh", "-c", "cp {program} p && . ./p"};
  settings.file = "program.sh";
  EXPECT_EQ(
      Sandbox(settings).Run("read x; echo $((x + 1)); hostname; ls /", "5\n").out.substr(0, 10),
      "6\nsandbox\n");
}

TEST_F(SandboxTest, ShowsFurtherFiles) {
  const std::string folder = testing::TempDir() + "/sandbox_shown";
  fs::create_directories(folder);
  std::ofstream(folder + "/a.txt") << "seen";
  fs::permissions(folder, fs::perms::all);
  SandboxSettings settings;
  settings.read_only = {folder};
  const std::string program = "print(open('" + folder +
                              "/a.txt').read())\n"
                              "try: open('" +
                              folder + "/b.txt', 'w')\nexcept OSError as e: print(e.errno)";
  // Root's sandboxes look at files as nobody.
  if (geteuid() == 0 && system(("su nobody -s /bin/sh -c 'test -r " + folder + "'").c_str()) != 0)
    GTEST_SKIP() << "nobody cannot reach " << folder;
  const ProgramResult r = Sandbox(settings).Run(program, "");
  EXPECT_EQ(r.out, "seen\n" + std::to_string(EROFS) + "\n") << r.err;
  settings.read_only = {"/nonexistent"};
  EXPECT_THROW(Sandbox{settings}, Error);
}

TEST_F(SandboxTest, AnOrdinaryUserMayToo) {
  if (geteuid() != 0) GTEST_SKIP() << "is one already";
  EXPECT_EQ(InChild([] {
              if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
                return false;
              prctl(PR_SET_DUMPABLE, 1);  // as a program that was started so
              return Sandbox({}).Run("print(1)", "").out == "1\n";
            }),
            0);
}

TEST_F(SandboxTest, CommandMustBeThere) {
  SandboxSettings settings;
  settings.command = {"no_such_language", "{program}"};
  try {
    Sandbox(settings).Run("", "");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("cannot start no_such_language: No such file"),
              std::string::npos)
        << e.what();
  }
}

// A machine without namespaces, played by a filter of system calls: an error, and nothing is run.
TEST(Sandbox, RefusedNamespacesAreAnError) {
  if (!kCanLaunch) GTEST_SKIP() << "a build with the address sanitizer starts no programs";
  const std::string marker = testing::TempDir() + "/sandbox_refused";
  const int status = InChild([&] {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
    if (seccomp_load(filter) != 0) return false;
    try {
      Sandbox({}).Run("open('" + marker + "', 'w')", "");
      return false;
    } catch (const Error& e) {
      const std::string what = e.what();
      return what.find("cannot make namespaces") != std::string::npos &&
             what.find("unprivileged_userns_clone") != std::string::npos;
    }
  });
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(marker));
}

TEST(Sandbox, WithoutIsolation) {
  if (!kCanLaunch) GTEST_SKIP() << "a build with the address sanitizer starts no programs";
  SandboxSettings settings;
  settings.isolation = "none";
  settings.timeout = 1;
  testing::internal::CaptureStderr();
  const Sandbox sandbox(settings);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("warning"), std::string::npos);
  const ProgramResult r = sandbox.Run("import os\nprint(os.getcwd(), os.listdir('.'))", "");
  const std::string folder = r.out.substr(0, r.out.find(' '));
  EXPECT_NE(r.out.find("['program.py']"), std::string::npos) << r.out << r.err;
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_EQ(
      sandbox.Run("import os, time\nif os.fork() == 0: time.sleep(100)\ntime.sleep(100)", "").end,
      RunEnd::kTimedOut);
}

TEST(Sandbox, BadSettings) {
  EXPECT_THROW(Sandbox({.command = {}}), Error);
  EXPECT_THROW(Sandbox({.file = "../x"}), Error);
}

// Whoever runs sandboxes and is killed takes them along.
TEST_F(SandboxTest, DiesWithItsOwner) {
  SandboxSettings settings;
  settings.file = "orphan_test_program.py";
  settings.timeout = 100;
  const auto running = [] {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ostringstream line;  // stays empty where the process has gone meanwhile
      line << std::ifstream(entry.path() / "cmdline").rdbuf();
      if (line.str().find("orphan_test_program.py") != std::string::npos) return true;
    }
    return false;
  };
  const auto wait_for = [&](bool what) {
    for (int i = 0; i < 2000 && running() != what; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return running() == what;
  };
  const pid_t owner = fork();
  if (owner == 0) {
    Sandbox(settings).Run("import time, os\nos.fork()\nos.setsid()\ntime.sleep(1000)", "");
    _exit(0);
  }
  EXPECT_TRUE(wait_for(true));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(wait_for(false));
}

}  // namespace
}  // namespace rlvr
