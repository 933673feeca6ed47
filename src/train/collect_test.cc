// The batch of a step: the first groups in the order of the prompts that are kept, however it is filled.
#include "train/collect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "base/error.h"
#include "eval/policy.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

struct Way;

// Right by chance, by what was said; takes its time, and says that it has judged.
constexpr const char* kJudge = R"py(
import json, random, sys, time, zlib
milliseconds, log = float(sys.argv[1]), sys.argv[2]
for line in sys.stdin:
    asked = json.loads(line)
    time.sleep(random.random() * milliseconds / 1000)
    with open(log, "a") as f: f.write("judged\n")
    value = zlib.crc32((asked["response"] + asked["ground_truth"]).encode())
    print(json.dumps({"id": asked["id"], "score": float(value % 5 == 0), "length": len(asked["response"])}), flush=True)
)py";

class CollectTest : public testing::Test {
 protected:
  CollectTest() {
    WriteTinyModelFolder(folder_.path() + "/model");
    std::ofstream(folder_.path() + "/judge.py") << kJudge;
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:max_steps=2", validation: gsm_micro, prompts_per_step: 4}
rollout: {group_size: 3, max_tokens: 12, temperature: 1.2, max_sequences: 12, gen_prompts: 8}
select: {name: dynamic_sampling, max_rounds: 5}
trainer: {steps: 4}
)";
  }
  Recipe Make(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"name=x", "output=" + folder_.path(), "model=" + folder_.path() + "/model"});
    return LoadRecipe(folder_.path() + "/rl.yaml", more);
  }
  std::string Judge(int milliseconds) const {
    return fmt::format(
        "reward={{name: process, process: {{command: [python3, {0}/judge.py, \"{1}\", "
        "{0}/log], workers: 2}}}}",
        folder_.path(), milliseconds);
  }
  Policy LoadModel() const {
    return LoadPolicy(folder_.path() + "/model", ComputeType::kFp32, false);
  }
  std::string MessageOf(const Recipe& recipe, double least_chance) const {
    const Policy policy = LoadModel();
    Collector collector(recipe, policy, nullptr);
    collector.least_chance = least_chance;
    try {
      collector.Collect(1, 0, {});
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  void ExpectTheFirstKeptGroups(const std::string& more, bool continuous,
                                const std::vector<Way>& ways);
  TempFolder folder_;
};

void ExpectSameGroup(const Tree& a, const Tree& b) {
  EXPECT_EQ(a.prompt_index, b.prompt_index);
  EXPECT_EQ(a.occurrence, b.occurrence);
  ASSERT_EQ(a.segments.size(), b.segments.size());
  for (size_t s = 0; s < a.segments.size(); ++s) {
    EXPECT_EQ(a.segments[s].tokens, b.segments[s].tokens);
    EXPECT_EQ(a.segments[s].logp, b.segments[s].logp);
  }
  ASSERT_EQ(a.leaves.size(), b.leaves.size());
  for (size_t l = 0; l < a.leaves.size(); ++l) {
    EXPECT_EQ(a.leaves[l].verdict, b.leaves[l].verdict);
    EXPECT_EQ(a.leaves[l].reward, b.leaves[l].reward);
  }
}

struct Way {  // to fill a batch
  int64_t max_sequences;
  double least_chance;
  int milliseconds;  // of a verdict, at most
  const char* speculation;
};

// The oracle: all prompts sampled, none left out, and the batch picked by hand.
void CollectTest::ExpectTheFirstKeptGroups(const std::string& more, bool continuous,
                                           const std::vector<Way>& ways) {
  const Policy policy = LoadModel();
  const Recipe all = Make({Judge(0), "select={name: none}", "data.prompts_per_step=40",
                           "rollout.gen_prompts=40", more});
  Collector everything(all, policy, nullptr);
  const auto mixed = [](const Tree& tree) {
    size_t right = 0;
    for (const Leaf& leaf : tree.leaves) right += leaf.verdict == Verdict::kRight;
    return right > 0 && right < tree.leaves.size();
  };
  int64_t in_vain = 0, dropped = 0;
  for (const Way& way : ways) {
    SCOPED_TRACE(fmt::format("{} {}", way.max_sequences, way.least_chance));
    const Recipe recipe =
        Make({Judge(way.milliseconds), fmt::format("rollout.max_sequences={}", way.max_sequences),
              fmt::format("rollout.speculation.name={}", way.speculation), more});
    ASSERT_EQ(SamplesContinuously(recipe, 1), continuous);
    ASSERT_FALSE(SamplesContinuously(recipe, 2));
    Collector collector(recipe, policy, nullptr);
    collector.least_chance = way.least_chance;
    int64_t position = 0;
    for (int64_t step = 1; step <= 3; ++step) {
      const StepBatch expected = everything.Collect(step, position, {});
      ASSERT_EQ(expected.trees.size(), 40u);
      const StepBatch batch = collector.Collect(step, position, {});
      size_t used = 0, kept = 0;
      int64_t tokens = 0;
      for (; kept < 4; ++used) {
        ASSERT_LT(used, 40u);
        const Tree& tree = expected.trees[used];
        for (size_t s = 1; s < tree.segments.size(); ++s)
          tokens += std::ssize(tree.segments[s].tokens);
        if (!mixed(tree)) continue;
        ASSERT_LT(kept, batch.trees.size());
        ExpectSameGroup(batch.trees[kept], tree);
        EXPECT_EQ(batch.prompts[kept].messages, expected.prompts[used].messages);
        ++kept;
      }
      EXPECT_EQ(batch.trees.size(), 4u);
      EXPECT_EQ(batch.sampled_groups, static_cast<int64_t>(used));
      EXPECT_EQ(batch.position, position + static_cast<int64_t>(used));
      EXPECT_EQ(batch.rounds, (static_cast<int64_t>(used) + 7) / 8);
      ASSERT_EQ(batch.outcomes.size(), used);
      int64_t none = 0, solved = 0, right = 0;
      for (size_t g = 0; g < used; ++g) {
        EXPECT_EQ(batch.outcomes[g].row, expected.outcomes[g].row);
        EXPECT_EQ(batch.outcomes[g].right, expected.outcomes[g].right);
        none += expected.outcomes[g].right == 0;
        solved += expected.outcomes[g].right == 3;
        right += expected.outcomes[g].right;
      }
      EXPECT_EQ(batch.solve_none, none);
      EXPECT_EQ(batch.solve_all, solved);
      EXPECT_EQ(batch.verdicts[static_cast<int>(Verdict::kRight)], right);
      EXPECT_EQ(batch.sampled, static_cast<int64_t>(3 * used));
      EXPECT_EQ(batch.rollout.sampled_tokens, tokens + batch.tokens_in_vain);
      if (way.least_chance == 1 && continuous) {
        EXPECT_EQ(batch.groups_in_vain, 0);
      }
      EXPECT_EQ(batch.tokens_in_vain > 0, batch.groups_in_vain > 0);
      in_vain += batch.groups_in_vain;
      dropped += static_cast<int64_t>(used) - 4;
      position = batch.position;
    }
  }
  EXPECT_GT(in_vain, 5);  // else equality says little
  EXPECT_GT(dropped, 10);
}

TEST_F(CollectTest, TheFirstKeptGroupsInTheOrderOfThePrompts) {
  ExpectTheFirstKeptGroups("seed=1", true,
                           {{3, 1, 0, "none"},
                            {3, 0, 3, "auto"},
                            {12, 0.3, 4, "auto"},
                            {12, 0, 6, "always"},
                            {500, 0, 4, "none"},
                            {500, 1, 4, "always"}});
}

TEST_F(CollectTest, TheSameInRounds) {
  ExpectTheFirstKeptGroups(
      "rollout.strategy={name: branch, first: 1, branches: 2, top_k: 4, min_characters: 1}", false,
      {{3, 1, 0, "none"}, {12, 0.01, 2, "auto"}, {500, 0, 0, "always"}});
}

TEST_F(CollectTest, WithoutASelectionExactlyThePromptsOfTheStep) {
  const Policy policy = LoadModel();
  const Recipe recipe = Make({"select={name: none}"});
  Collector collector(recipe, policy, nullptr);
  collector.least_chance = 0;
  const StepBatch batch = collector.Collect(1, 5, {});
  EXPECT_EQ(batch.trees.size(), 4u);
  EXPECT_EQ(batch.position, 9);
  EXPECT_EQ(batch.groups_in_vain, 0);
}

TEST_F(CollectTest, ABatchThatCannotBeFilled) {
  for (const double least_chance : {0.0, 0.3, 1.0}) {
    const std::string message =
        MessageOf(Make({"reward={name: math_rule}", "select.max_rounds=2"}), least_chance);
    EXPECT_NE(message.find("step 1: after 2 rounds of 8 prompts the selection has kept 0 groups of "
                           "4"),
              std::string::npos)
        << message;
    EXPECT_NE(message.find("16 of 16 groups had no right answer"), std::string::npos) << message;
  }
}

TEST_F(CollectTest, AVerifierThatThrows) {
  const std::string message = MessageOf(
      Make({"reward={name: process, process: {command: [\"false\"], workers: 1, restarts: 0, "
            "retries: 0}}"}),
      0);
  EXPECT_NE(message.find("reward.process"), std::string::npos) << message;
}

// Sampling of the other groups waits here for the first verdict: it comes while they are sampled.
TEST_F(CollectTest, VerdictsComeWhileOthersAreSampled) {
  const Policy policy = LoadModel();
  const Recipe recipe = Make({Judge(20), "rollout.max_sequences=3"});
  Collector collector(recipe, policy, nullptr);
  int64_t ended = 0;
  bool judged = false;
  collector.on_progress = [&](double) {
    if (++ended > 1) return;
    for (int i = 0; i < 3000 && !judged; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      judged = std::ifstream(folder_.path() + "/log").peek() != EOF;
    }
  };
  const StepBatch batch = collector.Collect(1, 0, {});
  EXPECT_TRUE(judged);
  EXPECT_GE(ended, 4);
  EXPECT_GT(batch.seconds_judge, 0);
}

// A prompt that is drawn ahead and cannot be sampled is an error where the step needs it, and only then.
TEST_F(CollectTest, AnErrorOfAPromptThatIsNotNeededIsNone) {
  const auto write = [&](int64_t long_row) {
    std::ofstream file(folder_.path() + "/prompts.jsonl");
    for (int64_t row = 0; row < 12; ++row) {
      const std::string text =
          row == long_row ? std::string(900, 'x') : fmt::format("Say {}.", row);
      file << nlohmann::json{{"prompt", text}, {"reward_model", {{"ground_truth", "1"}}}} << "\n";
    }
  };
  const std::vector<std::string> more = {Judge(2),
                                         "data.train=" + folder_.path() + "/prompts.jsonl",
                                         "data.prompts_per_step=1",
                                         "rollout.gen_prompts=12",
                                         "select.max_rounds=1",
                                         "rollout.max_sequences=500",
                                         "data.max_prompt_tokens=100",
                                         "data.filter_overlong_prompts=false"};
  write(-1);
  const Policy policy = LoadModel();
  const Recipe recipe = Make(more);
  std::vector<int64_t> order;
  StepBatch batch;
  {
    Collector collector(recipe, policy, nullptr);
    batch = collector.Collect(1, 0, {});
    for (const auto& o : batch.outcomes) order.push_back(o.row);
  }
  ASSERT_LT(order.size(), 12u);
  const std::set<int64_t> used(order.begin(), order.end());
  for (int64_t row = 0; row < 12; ++row) {
    write(row);
    const std::string message = MessageOf(recipe, 0);
    if (used.contains(row)) {
      EXPECT_NE(message.find("data.max_prompt_tokens"), std::string::npos) << message;
    } else {
      EXPECT_EQ(message, "");
    }
  }
}

}  // namespace
}  // namespace rlvr
