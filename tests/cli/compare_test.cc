// The program `rlvr compare` from outside: killed, interrupted, started again.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "train/comparison.h"
#include "train/metrics.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

class CompareTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(At("model"));
    std::ofstream(At("a.yaml")) << fmt::format(R"(
model: "{}"
compute: fp32
data: {{train: "gsm_micro:max_steps=2", validation: gsm_micro, prompts_per_step: 16}}
rollout: {{group_size: 8, max_tokens: 40, temperature: 1.5}}
reward: {{overlong: {{name: soft, buffer: 40}}}}
update: {{lr: 3.0e-3, mini_batch_prompts: 2}}
eval: {{prompts: 4, k: 2, every: 4}}
trainer: {{steps: 12, checkpoint_every: 2, rollouts_every: 0}}
)",
                                               At("model"));
    std::ofstream(At("b.yaml")) << "extends: a.yaml\npolicy_loss: {name: ppo_clip, eps: 0.1}\n";
  }
  std::string At(const std::string& name) const { return folder_.path() + "/" + name; }

  // Starts the program in a process group of its own, as a terminal does.
  pid_t Start(const std::string& name, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {RLVR_PROGRAM, "compare",  At("a.yaml"), At("b.yaml"),
                                          "--output",   At("runs"), "--name",     name,
                                          "--seeds",    "2",        "--threads",  "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    const std::string log = At(name + ".out");
    const pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    return child;
  }
  static int Wait(pid_t process) {
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int Run(const std::string& name, const std::vector<std::string>& more = {}) const {
    return Wait(Start(name, more));
  }
  std::string Output(const std::string& name) const { return ReadFile(At(name + ".out")); }
  std::string RunOf(const std::string& name, const std::string& run) const {
    return At("runs/compare_" + name + "/" + run);
  }
  // Waits until some run of the comparison has made this many steps.
  void WaitForSteps(const std::string& name, int64_t steps) const {
    for (int i = 0; i < 6000; ++i) {
      for (const char* run : {"a/seed_0", "b/seed_0", "a/seed_1", "b/seed_1"}) {
        if (StepsRecorded(RunOf(name, run)) >= steps) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "no run came to step " << steps << ": " << Output(name);
  }
  // compare.json without times; the rest must not depend on how the runs came about.
  std::string Stable(const std::string& name) const {
    auto json = nlohmann::json::parse(ReadFile(RunOf(name, "compare.json")));
    for (auto& recipe : json["recipes"]) recipe.erase("seconds");
    json.erase("name");
    return json.dump(1);
  }

  TempFolder folder_;
};

TEST_F(CompareTest, KilledInterruptedAndStartedAgain) {
  ASSERT_EQ(Run("whole", {"--jobs", "2"}), 0) << Output("whole");
  EXPECT_NE(Output("whole").find("pass@2"), std::string::npos) << Output("whole");
  EXPECT_TRUE(fs::exists(RunOf("whole", "compare.html")));

  // kill -9: the runs die with it; the same command goes on.
  const pid_t killed = Start("cut", {"--jobs", "2"});
  WaitForSteps("cut", 3);
  kill(killed, SIGKILL);
  EXPECT_EQ(Wait(killed), 128 + SIGKILL);
  const pid_t interrupted = Start("cut", {"--jobs", "1"});
  WaitForSteps("cut", 8);
  kill(-interrupted, SIGINT);  // Ctrl-C: to the foreground's whole group
  EXPECT_EQ(Wait(interrupted), 130) << Output("cut");
  EXPECT_NE(Output("cut").find("the same command goes on"), std::string::npos) << Output("cut");
  EXPECT_FALSE(fs::exists(RunOf("cut", "compare.json")));
  ASSERT_EQ(Run("cut", {"--jobs", "1"}), 0) << Output("cut");
  EXPECT_EQ(Stable("cut"), Stable("whole"));

  // Finished: nothing is trained again, the result is written again.
  const std::string metrics = RunOf("cut", "a/seed_0/metrics.jsonl");
  const auto written = fs::last_write_time(metrics);
  fs::remove(RunOf("cut", "compare.json"));
  EXPECT_EQ(Run("cut"), 0) << Output("cut");
  EXPECT_EQ(fs::last_write_time(metrics), written);
  EXPECT_EQ(Stable("cut"), Stable("whole"));

  // A changed recipe is refused, and the folder stays as it was.
  EXPECT_EQ(Run("cut", {"--set", "update.lr=1e-3"}), 1);
  EXPECT_NE(Output("cut").find("update.lr was 0.003, now 0.001"), std::string::npos)
      << Output("cut");
  EXPECT_EQ(fs::last_write_time(metrics), written);
}

TEST_F(CompareTest, AFailingRunIsNamedWithItsReason) {
  std::ofstream(At("b.yaml")) << "extends: a.yaml\ndata: {max_prompt_tokens: 1}\n";
  EXPECT_EQ(Run("failing", {"--jobs", "2"}), 1);
  const std::string output = Output("failing");
  EXPECT_NE(output.find("rlvr: b/seed_0: "), std::string::npos) << output;
  EXPECT_NE(output.find("data.max_prompt_tokens is 1"), std::string::npos) << output;
}

}  // namespace
}  // namespace rlvr
