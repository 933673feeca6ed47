// Rewards in child processes, most of them hostile: each costs its own response and no other.
#include "verify/process/reward_process.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace rlvr {
namespace {

// What a response of another word does is that word's.
constexpr const char* kJudge = R"py(
import json, os, sys, time
waiting = []
for line in sys.stdin:
    q = json.loads(line)
    word, me = q["response"], q["id"]
    good = {"id": me, "score": 0.5, "reason": q["ground_truth"], "words": 2}
    if word == "die": os._exit(3)
    elif word == "hang": time.sleep(1000)
    elif word == "no json": print("hello", flush=True)
    elif word == "flood":
        while True: print(flush=False)
    elif word == "long": print("x" * 300000, flush=True)
    elif word == "no score": print(json.dumps({"id": me}), flush=True)
    elif word == "text": print(json.dumps({"id": me, "score": "1"}), flush=True)
    elif word == "nan": print('{"id": %d, "score": NaN}' % me, flush=True)
    elif word == "huge": print('{"id": %d, "score": 1e300}' % me, flush=True)
    elif word == "verdict": print(json.dumps({"id": me, "score": 1, "verdict": "fine"}), flush=True)
    elif word == "wrong": print(json.dumps({"id": me, "score": 0.25, "verdict": "wrong", "answer": "7"}), flush=True)
    elif word == "echo": print(json.dumps(dict(good, reason=json.dumps([q["messages"], q["data_source"], q["extra_info"]]))), flush=True)
    elif word.startswith("together"):
        waiting.append(good)
        if len(waiting) == 4:
            for reply in reversed(waiting): print(json.dumps(reply))
            sys.stdout.flush()
            waiting = []
    else: print(json.dumps(good), flush=True)
)py";

RewardProcessSettings Settings() {
  const std::string path = testing::TempDir() + "/hostile_reward.py";
  std::ofstream(path) << kJudge;
  RewardProcessSettings s;
  s.command = {"python3", path};
  s.max_line = 100000;
  s.retries = 0;
  s.log = "/dev/null";
  return s;
}

TEST(RewardProcess, EachFaultCostsItsResponse) {
  RewardProcessSettings settings = Settings();
  settings.timeout = 3;
  const auto verifier = MakeRewardProcess(settings);
  JudgedPrompt prompt;
  prompt.ground_truth = "12";
  const std::vector<std::string> responses = {
      "fine", "die", "fine", "hang",    "no json", "fine",  "long", "flood",   "no score",
      "text", "nan", "huge", "verdict", "fine",    "wrong", "fine", "\xff\xfe"};
  const auto judgements = JudgeAll(*verifier, prompt, responses);
  for (size_t i = 0; i < responses.size(); ++i) {
    const Judgement& j = judgements[i];
    SCOPED_TRACE(responses[i]);
    if (responses[i] == "fine" || responses[i] == "\xff\xfe") {
      EXPECT_EQ(j.verdict, Verdict::kRight) << j.reason;
      EXPECT_EQ(j.score, 0.5);
      EXPECT_EQ(j.reason, "12");
      ASSERT_EQ(j.metrics.size(), 1u);
      EXPECT_EQ(j.metrics[0], std::pair(std::string("words"), 2.0));
    } else if (responses[i] == "wrong") {
      EXPECT_EQ(j.verdict, Verdict::kWrong);
      EXPECT_EQ(j.score, 0.25);
      EXPECT_EQ(j.answer, "7");
    } else {
      EXPECT_EQ(j.verdict, responses[i] == "hang" ? Verdict::kTimedOut : Verdict::kBroken);
      EXPECT_FALSE(j.score.has_value());
      EXPECT_FALSE(j.reason.empty());
    }
  }
}

TEST(RewardProcess, SeesThePrompt) {
  const auto verifier = MakeRewardProcess(Settings());
  const JudgedPrompt prompt{.messages = {{"system", "s"}, {"user", "u"}},
                            .data_source = "mine",
                            .ground_truth = "",
                            .extra_info = R"({"a": [1]})"};
  EXPECT_EQ(
      verifier->JudgePrompt(prompt, "echo").reason,
      R"([[{"content": "s", "role": "system"}, {"content": "u", "role": "user"}], "mine", {"a": [1]}])");
}

// The process answers only once it has four responses.
TEST(RewardProcess, ManyInFlight) {
  RewardProcessSettings settings = Settings();
  settings.workers = 1;
  settings.in_flight = 4;
  const auto verifier = MakeRewardProcess(settings);
  EXPECT_EQ(verifier->concurrency(), 4);
  const auto judgements = JudgeAll(*verifier, {}, std::vector<std::string>(8, "together"));
  for (const Judgement& j : judgements) EXPECT_EQ(j.verdict, Verdict::kRight) << j.reason;
}

TEST(RewardProcess, TriesAgain) {
  RewardProcessSettings settings = Settings();
  const std::string marker = testing::TempDir() + "/reward_tried";
  std::remove(marker.c_str());
  settings.command = {
      "python3", "-c",
      "import json, os, sys\nfor line in sys.stdin:\n"
      "  if not os.path.exists('" +
          marker +
          "'):\n"
          "    open('" +
          marker +
          "', 'w').close()\n    os._exit(1)\n"
          "  print(json.dumps({'id': json.loads(line)['id'], 'score': 1}), flush=True)"};
  settings.workers = 1;
  settings.retries = 1;
  EXPECT_EQ(MakeRewardProcess(settings)->Judge("x", "").verdict, Verdict::kRight);
}

TEST(RewardProcess, GivesUp) {
  RewardProcessSettings settings = Settings();
  settings.workers = 1;
  settings.restarts = 2;
  const auto verifier = MakeRewardProcess(settings);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(verifier->Judge("die", "").verdict, Verdict::kBroken);
  try {
    verifier->Judge("fine", "");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("reward.process: the process ended 3 times"),
              std::string::npos)
        << error.what();
  }
  settings.command = {"/nonexistent/judge"};
  EXPECT_THROW(MakeRewardProcess(settings), Error);
  EXPECT_THROW(MakeRewardProcess({}), Error);
}

TEST(RewardProcess, TheExample) {
  RewardProcessSettings settings;
  settings.command = {"python3", RLVR_SOURCE_DIR "/examples/rewards/contains_answer.py"};
  const auto verifier = MakeRewardProcess(settings);
  const Judgement right = verifier->Judge("The capital is Paris .", "paris");
  EXPECT_EQ(right.verdict, Verdict::kRight) << right.reason;
  EXPECT_DOUBLE_EQ(*right.score, 1 - 5 / 200.0);
  EXPECT_EQ(verifier->Judge("Rome", "paris").verdict, Verdict::kWrong);
}

}  // namespace
}  // namespace rlvr
