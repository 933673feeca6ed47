// Child processes, most of them hostile: each costs its own conversation and no other.
#include "env/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "rollout/rollout.h"
#include "rollout/test_policy.h"

namespace rlvr {
namespace {

// Counts to the number that the prompt names. What a prompt of another word does is that word's.
constexpr const char* kGame = R"py(
import json, os, sys, time

def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()

def raw(text):
    sys.stdout.write(text)
    sys.stdout.flush()

games = {}
for line in sys.stdin:
    request = json.loads(line)
    me = request["id"]
    if request["op"] == "reset":
        word = request["prompt"]["messages"][0]["content"]
        games[me] = [word, request["seed"], 0]
        say({"id": me, "messages": [{"role": "user", "content": "seed %d" % request["seed"]}]})
        continue
    if request["op"] == "end":
        del games[me]
        continue
    game = games[me]
    word, seed = game[0], game[1]
    game[2] += 1
    good = {"id": me, "messages": [{"role": "user", "content": "%d after %s" % (game[2], request["text"])}]}
    if word.isdigit():
        if game[2] == int(word):
            good = {"id": me, "done": True, "reward": 0.5, "score": seed % 7, "verdict": "right",
                    "answer": str(game[2]), "illocution": "specified", "right": True,
                    "metrics": {"count": game[2]}}
        say(good)
    elif game[2] == 1:
        say(good)  # they begin well
    elif word == "hang": time.sleep(1000)
    elif word == "die": os._exit(3)
    elif word == "killed": os.kill(os.getpid(), 9)
    elif word == "half": raw('{"id": %d, "mess' % me)
    elif word == "half and die":
        raw('{"id": %d, "mess' % me)
        os._exit(0)
    elif word == "no json": raw("hello\n")
    elif word == "no object": raw("[1]\n")
    elif word == "wrong id": say({"id": 999999, "done": True})
    elif word == "text id": say({"id": str(me), "done": True})
    elif word == "twice":
        say(good)
        say(good)
        time.sleep(0.05)
    elif word == "long line": raw("x" * 300000 + "\n")
    elif word == "endless line":
        while True: raw("x" * 65536)
    elif word == "lines":
        while True: raw("\n" * 1000)
    elif word == "closes stdout":
        os.close(1)
        time.sleep(1000)
    elif word == "no messages": say({"id": me})
    elif word == "bad role": say({"id": me, "messages": [{"role": "assistant", "content": "x"}]})
    elif word == "bad done": say({"id": me, "done": 1})
    elif word == "bad score": say({"id": me, "done": True, "score": 1e300})
    elif word == "bad verdict": say({"id": me, "done": True, "verdict": "fine"})
    elif word == "bad text": os.write(1, b'{"id": %d, "done": true, "answer": "\xff"}\n' % me)
    elif word == "silent": pass
)py";

std::string GameFile() {
  const std::string path = testing::TempDir() + "/counting_game.py";
  std::ofstream(path) << kGame;
  return path;
}

std::unique_ptr<EnvironmentMaker> Make(const std::string& settings) {
  const ConfigNode node = ParseConfig(
      "{name: process, command: [python3, '" + GameFile() + "'], " + settings + "}", "t");
  return MakeEnvironment(&node, {.correct = 1, .wrong = 0});
}

Prompt Of(const std::string& word) {
  Prompt prompt;
  prompt.messages = {{"user", word}};
  return prompt;
}

// A whole game of n turns; every reply is checked.
void PlayWell(EnvironmentMaker* maker, int n, uint64_t seed, double pause = 0) {
  const auto environment = maker->Make();
  const RandomKey sample(seed);
  const uint64_t sent = sample.value() >> 11;
  const auto opening = environment->Reset(Of(std::to_string(n)), RandomKey(1), sample);
  ASSERT_EQ(opening.size(), 1u);
  EXPECT_EQ(opening[0].content, "seed " + std::to_string(sent));
  for (int t = 0; t < n; ++t) {
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
    const std::string text = "turn " + std::to_string(t) + " of " + std::to_string(seed);
    const Reply reply = environment->Step({.turn = t, .text = text, .num_tokens = 3});
    EXPECT_EQ(reply.done, t + 1 == n);
    if (reply.done) {
      EXPECT_EQ(reply.outcome.reward, 0.5f);
      EXPECT_EQ(reply.outcome.illocution, Illocution::kSpecified);
      EXPECT_TRUE(reply.outcome.right);
    } else {
      ASSERT_EQ(reply.messages.size(), 1u);
      EXPECT_EQ(reply.messages[0].content, std::to_string(t + 1) + " after " + text);
    }
  }
  const ConversationResult result = environment->End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_EQ(result.answer, std::to_string(n));
  EXPECT_EQ(result.score, static_cast<float>(sent % 7));
  EXPECT_EQ(result.metrics.at("count"), n);
}

// The verdict that a hostile game fails with, and what is said; nullopt: it did not fail.
std::optional<Verdict> PlayBadly(EnvironmentMaker* maker, const std::string& word,
                                 std::string* why = nullptr) {
  const auto environment = maker->Make();
  environment->Reset(Of(word), RandomKey(1), RandomKey(2));
  for (int t = 0; t < 4; ++t) {
    try {
      if (environment->Step({.turn = t, .text = "x"}).done) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } catch (const ConversationFailed& failed) {
      if (why != nullptr) *why = failed.what();
      return failed.verdict;
    }
  }
  return std::nullopt;
}

TEST(Process, ManyConversationsAtOnce) {
  const auto maker = Make("workers: 2");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 24; ++i)
    threads.emplace_back([&, i] { PlayWell(maker.get(), 1 + i % 5, static_cast<uint64_t>(i)); });
}

TEST(Process, TextThatIsNoUtf8ArrivesAsSuch) {
  const auto maker = Make("workers: 1");
  const auto environment = maker->Make();
  environment->Reset(Of("2"), RandomKey(1), RandomKey(2));
  EXPECT_EQ(environment->Step({.text = "a\xff\n\"b"}).messages[0].content,
            "1 after a\xef\xbf\xbd\n\"b");
}

// One worker holds them all: the hostile conversation and six good ones, which are in the midst of
// it when the worker ends.
class Hostile : public testing::TestWithParam<std::pair<const char*, Verdict>> {};
TEST_P(Hostile, CostsItsOwnConversation) {
  const auto& [word, verdict] = GetParam();
  const std::string log = testing::TempDir() + "/hostile.log";
  const std::string timeout = verdict == Verdict::kTimedOut ? "4" : "60";
  const auto maker =
      Make("workers: 1, max_line: 100000, timeout: " + timeout + ", log: '" + log + "'");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back(
        [&, i] { PlayWell(maker.get(), 3 + i % 3, static_cast<uint64_t>(i), 0.03); });
  }
  std::string why;
  const std::optional<Verdict> failed = PlayBadly(maker.get(), word, &why);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(*failed, verdict) << why;
  threads.clear();               // joins
  PlayWell(maker.get(), 2, 99);  // and the worker goes on
}
INSTANTIATE_TEST_SUITE_P(
    Process, Hostile,
    testing::Values(
        std::pair{"hang", Verdict::kTimedOut}, std::pair{"silent", Verdict::kTimedOut},
        std::pair{"die", Verdict::kBroken}, std::pair{"killed", Verdict::kBroken},
        std::pair{"half", Verdict::kBroken}, std::pair{"half and die", Verdict::kBroken},
        std::pair{"no json", Verdict::kBroken}, std::pair{"no object", Verdict::kBroken},
        std::pair{"wrong id", Verdict::kBroken}, std::pair{"text id", Verdict::kBroken},
        std::pair{"twice", Verdict::kBroken}, std::pair{"long line", Verdict::kBroken},
        std::pair{"endless line", Verdict::kBroken}, std::pair{"lines", Verdict::kBroken},
        std::pair{"closes stdout", Verdict::kBroken}, std::pair{"no messages", Verdict::kBroken},
        std::pair{"bad role", Verdict::kBroken}, std::pair{"bad done", Verdict::kBroken},
        std::pair{"bad score", Verdict::kBroken}, std::pair{"bad verdict", Verdict::kBroken},
        std::pair{"bad text", Verdict::kBroken}));

TEST(Process, AFreshProcessMayTakeItsTime) {
  const std::string path = testing::TempDir() + "/slow_start.py";
  std::ofstream(path) << "import json, sys, time\ntime.sleep(0.6)\nfor line in sys.stdin:\n"
                         "    print(json.dumps({'id': json.loads(line)['id']}), flush=True)\n";
  const auto maker = [&](const std::string& settings) {
    const ConfigNode node =
        ParseConfig("{name: process, workers: 1, command: [python3, '" + path + "'], log: '" +
                        testing::TempDir() + "/slow.log', timeout: 0.2, start_timeout: " + settings,
                    "t");
    return MakeEnvironment(&node, {});
  };
  const auto patient = maker("60}");
  EXPECT_NO_THROW(patient->Make()->Reset(Of("1"), RandomKey(1), RandomKey(1)));
  const auto hasty = maker("0.3}");
  try {
    hasty->Make()->Reset(Of("1"), RandomKey(1), RandomKey(1));
    FAIL();
  } catch (const ConversationFailed& failed) {
    EXPECT_EQ(failed.verdict, Verdict::kTimedOut);
  }
}

TEST(Process, AWorkerThatOnlyDiesIsGivenUp) {
  const auto maker = Make("workers: 1, restarts: 2, log: '" + testing::TempDir() + "/dies.log'");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PlayBadly(maker.get(), "die"), Verdict::kBroken);
  try {
    PlayBadly(maker.get(), "die");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ended 3 times"), std::string::npos) << error.what();
  }
}

TEST(Process, ACompleteConversationForgivesRestarts) {
  const auto maker = Make("workers: 1, restarts: 1, log: '" + testing::TempDir() + "/f.log'");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(PlayBadly(maker.get(), "die"), Verdict::kBroken);
    PlayWell(maker.get(), 2, 5);
  }
}

TEST(Process, WhatItSaysOnStderrIsLogged) {
  const std::string log = testing::TempDir() + "/stderr.log";
  std::remove(log.c_str());
  const std::string path = testing::TempDir() + "/stderr_game.py";
  std::ofstream(path) << "import sys\nsys.stderr.write('two\\nlines\\n')\nsys.exit(4)\n";
  const ConfigNode node = ParseConfig(
      "{name: process, workers: 1, command: [python3, '" + path + "'], log: '" + log + "'}", "t");
  {
    const auto maker = MakeEnvironment(&node, {});
    const auto environment = maker->Make();
    EXPECT_THROW(environment->Reset(Of("1"), RandomKey(1), RandomKey(1)), ConversationFailed);
  }
  std::ostringstream text;
  text << std::ifstream(log).rdbuf();
  EXPECT_NE(text.str().find("environment 0: two\nenvironment 0: lines\nenvironment 0: the process "
                            "ended; the process exited with status 4\n"),
            std::string::npos)
      << text.str();
}

TEST(Process, AnAnswerThatChangesAfterARestartFails) {
  const std::string path = testing::TempDir() + "/forgetful.py";
  std::ofstream(path) << R"py(
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "end": continue
    if request.get("text") == "die": os._exit(1)
    print(json.dumps({"id": request["id"], "messages": [{"role": "user", "content": str(os.getpid())}]}), flush=True)
)py";
  const ConfigNode node = ParseConfig("{name: process, workers: 1, command: [python3, '" + path +
                                          "'], log: '" + testing::TempDir() + "/forgetful.log'}",
                                      "t");
  const auto maker = MakeEnvironment(&node, {});
  const auto one = maker->Make(), other = maker->Make();
  one->Reset(Of("1"), RandomKey(1), RandomKey(1));
  other->Reset(Of("1"), RandomKey(1), RandomKey(1));
  EXPECT_THROW(other->Step({.text = "die"}), ConversationFailed);
  try {
    one->Step({.text = "well?"});
    FAIL();
  } catch (const ConversationFailed& failed) {
    EXPECT_EQ(failed.verdict, Verdict::kBroken);
    EXPECT_NE(std::string(failed.what()).find("does not answer as before"), std::string::npos);
  }
}

TEST(Process, LeavesNoZombieAndNoGrandchild) {
  const std::string path = testing::TempDir() + "/parent.py", mark = testing::TempDir() + "/pids";
  std::remove(mark.c_str());
  std::ofstream(path) << "import os, subprocess, time\nc = subprocess.Popen(['sleep', '1000'])\n"
                         "open('" +
                             mark +
                             ".part', 'w').write('%d %d' % (os.getpid(), c.pid))\n"
                             "os.rename('" +
                             mark + ".part', '" + mark + "')\ntime.sleep(1000)\n";
  long parent = 0, child = 0;
  {
    Worker worker({.command = {"python3", path}}, [](std::string_view) {});
    for (int i = 0; i < 500 && access(mark.c_str(), R_OK) != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::ifstream(mark) >> parent >> child;
    ASSERT_GT(child, 0);
    EXPECT_EQ(worker.pid(), parent);
  }
  EXPECT_EQ(waitpid(static_cast<pid_t>(parent), nullptr, WNOHANG), -1);  // reaped
  EXPECT_EQ(errno, ECHILD);
  // The grandchild is dead; who reaps it is not us.
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    std::string state;
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::getline(status, state);
    gone = state.empty() || state.find(") Z") != std::string::npos;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_TRUE(gone);
}

TEST(Process, ACommandThatIsNone) {
  const ConfigNode missing =
      ParseConfig("{name: process, command: [no_such_program_anywhere]}", "test");
  try {
    MakeEnvironment(&missing, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no_such_program_anywhere"), std::string::npos);
  }
  const ConfigNode empty = ParseConfig("{name: process}", "test");
  EXPECT_THROW(MakeEnvironment(&empty, {}), Error);
}

TEST(Process, TheExampleIsWonByBisection) {
  const ConfigNode node =
      ParseConfig("{name: process, workers: 1, command: [python3, '" RLVR_SOURCE_DIR
                  "/examples/environments/number_guess.py', --high, '100']}",
                  "t");
  const auto maker = MakeEnvironment(&node, {});
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto environment = maker->Make();
    const auto opening = environment->Reset(Of("Play."), RandomKey(seed), RandomKey(1));
    ASSERT_EQ(opening.size(), 1u);
    EXPECT_NE(opening[0].content.find("between 1 and 100"), std::string::npos);
    EXPECT_EQ(environment->Step({.text = "No idea."}).outcome.reward, -0.1f);
    int low = 1, high = 100, guesses = 0;
    for (bool done = false; !done; ++guesses) {
      ASSERT_LE(low, high);
      const int guess = (low + high) / 2;
      const Reply reply = environment->Step({.text = "Is it " + std::to_string(guess) + "?"});
      done = reply.done;
      if (done) break;
      if (reply.messages[0].content.find("higher") == std::string::npos) {
        high = guess - 1;
      } else {
        low = guess + 1;
      }
    }
    EXPECT_LE(guesses, 6);  // 2^7 > 100
    const ConversationResult result = environment->End(Finish::kStop);
    EXPECT_EQ(result.verdict, Verdict::kRight);
    EXPECT_EQ(result.score, 1.f);
    EXPECT_EQ(result.metrics.at("guesses"), guesses + 1);
  }
}

// Two groups of four conversations of a policy with the counting game; sample 1 of each group has
// the hostile word.
std::vector<Tree> Converse(const TinyPolicy& policy, const std::string& hostile) {
  // Long enough for honest replies on a machine that many share.
  const std::string timeout = hostile == "hang" || hostile == "half" ? "8" : "60";
  const auto maker =
      Make("workers: 2, timeout: " + timeout + ", log: '" + testing::TempDir() + "/converse.log'");
  std::vector<RolloutRequest> requests;
  for (int group = 0; group < 2; ++group) {
    RolloutRequest request;
    request.tree.segments.push_back({.tokens = {5, 6, 7, 8 + group}});
    request.num_samples = 4;
    request.key = RandomKey(11)[static_cast<uint64_t>(group)];
    request.conversation = [&maker, &hostile, group](int sample) {
      auto environment = maker->Make();
      const RandomKey key = RandomKey(12)[static_cast<uint64_t>(group)];
      environment->Reset(Of(sample == 1 ? hostile : "3"), key, key[static_cast<uint64_t>(sample)]);
      return environment;
    };
    requests.push_back(std::move(request));
  }
  return Rollout(policy.model, policy.tokenizer, {.max_tokens = 6}, std::move(requests));
}

TEST(Process, InARolloutOthersGoOnBitForBit) {
  const TinyPolicy policy(ComputeType::kFp32);
  const std::vector<Tree> alone = Converse(policy, "3");
  for (const auto& [word, verdict] :
       {std::pair{"hang", Verdict::kTimedOut}, std::pair{"die", Verdict::kBroken},
        std::pair{"half", Verdict::kBroken}, std::pair{"twice", Verdict::kBroken},
        std::pair{"endless line", Verdict::kBroken}}) {
    const std::vector<Tree> with = Converse(policy, word);
    for (size_t group = 0; group < 2; ++group) {
      ASSERT_EQ(with[group].leaves.size(), 4u);
      for (size_t i = 0; i < 4; ++i) {
        const Leaf &leaf = with[group].leaves[i], &same = alone[group].leaves[i];
        if (i == 1) {
          EXPECT_EQ(leaf.finish, Finish::kAborted) << word;
          // Half a line is broken by the process's next reply, if another conversation has one left.
          const bool late = std::string(word) == "half" && leaf.verdict == Verdict::kTimedOut;
          EXPECT_TRUE(leaf.verdict == verdict || late) << word;
          continue;
        }
        EXPECT_EQ(leaf.finish, same.finish) << word;
        EXPECT_NE(leaf.finish, Finish::kAborted) << word;
        EXPECT_EQ(leaf.verdict, Verdict::kRight);
        EXPECT_EQ(leaf.score, same.score);
        const auto path = with[group].Path(leaf.segment), other = alone[group].Path(same.segment);
        ASSERT_EQ(path.size(), 6u);  // prompt and three turns with two replies between them
        ASSERT_EQ(other.size(), 6u);
        for (size_t s = 0; s < path.size(); ++s) {
          const Segment &a = with[group].segments[static_cast<size_t>(path[s])],
                        &b = alone[group].segments[static_cast<size_t>(other[s])];
          EXPECT_EQ(a.tokens, b.tokens) << word;
          EXPECT_EQ(a.logp, b.logp);
        }
      }
    }
  }
}

}  // namespace
}  // namespace rlvr
