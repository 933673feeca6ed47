// Training on conversations: who trains, what is counted, and the same bytes for all that.
#include "train/conversations.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/foreign_rows.h"
#include "train/run_folder.h"
#include "train/tiny_model_test.h"
#include "train/tree_rows.h"
#include "train/trainer.h"
#include "train/update.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

Segment Turn(int32_t parent, Author author, std::vector<float> entropy, TurnOutcome outcome = {}) {
  Segment s;
  s.parent = parent;
  s.author = author;
  s.tokens.assign(entropy.size(), 5);
  if (author != Author::kEnvironment) {
    s.logp.assign(entropy.size(), -1.0f);
    s.entropy = std::move(entropy);
  }
  s.outcome = outcome;
  return s;
}

constexpr auto kUnder = Illocution::kUnderspecified, kSpec = Illocution::kSpecified;

//   prompt -+- A clarification - user - B answer     leaf 0: reward 1.75
//           +- C answer - user - D discussion        leaf 1: reward -1
//           +- E nobody has labelled                 leaf 2
//           +- F of an earlier step                  leaf 3
Tree Labelled() {
  Tree tree;
  tree.segments = {
      {.tokens = {1, 2}},
      Turn(0, Author::kPolicy, {1, 2, 3},
           {.reward = 0.25f, .illocution = kUnder, .strategy = TurnStrategy::kClarification}),
      Turn(1, Author::kEnvironment, {0, 0}),
      Turn(2, Author::kPolicy, {0.5f, 1.5f},
           {.reward = 0.5f, .illocution = kSpec, .strategy = TurnStrategy::kAnswerAttempt}),
      Turn(0, Author::kPolicy, {4},
           {.illocution = kUnder, .strategy = TurnStrategy::kAnswerAttempt}),
      Turn(4, Author::kEnvironment, {0}),
      Turn(5, Author::kPolicy, {0, 0, 0, 0},
           {.illocution = kSpec, .strategy = TurnStrategy::kDiscussion}),
      Turn(0, Author::kPolicy, {9}),
      Turn(0, Author::kReplay, {7, 7}, {.illocution = kSpec, .strategy = TurnStrategy::kRefuse})};
  tree.leaves = {{.segment = 3, .reward = 1.75f},
                 {.segment = 6, .reward = -1},
                 {.segment = 7, .reward = 100},
                 {.segment = 8, .reward = 100}};
  return tree;
}

TEST(Illocution, MetricsByLabelByHand) {
  std::vector<MetricTerm> terms;
  AddIllocutionTerms(Labelled(), &terms);
  const Metrics m = MetricsOf(terms);
  EXPECT_DOUBLE_EQ(m.at("response_length/underspecified"), 2);  // (3 + 1) / 2
  EXPECT_DOUBLE_EQ(m.at("response_length/specified"), 3);       // (2 + 4) / 2
  EXPECT_DOUBLE_EQ(m.at("entropy/underspecified"), 2.5);        // (6 + 4) / 4
  EXPECT_DOUBLE_EQ(m.at("entropy/specified"), 1.0 / 3);         // 2 / 6
  EXPECT_DOUBLE_EQ(m.at("reward/underspecified"), 0.125);       // (1/4 + 0) / 2
  EXPECT_DOUBLE_EQ(m.at("reward/specified"), 0.25);             // (1/2 + 1 + 0 - 1) / 2
  EXPECT_EQ(m.at("strategy/underspecified/clarification"), 0.5);
  EXPECT_EQ(m.at("strategy/underspecified/answer_attempt"), 0.5);
  EXPECT_EQ(m.at("strategy/specified/discussion"), 0.5);
  EXPECT_EQ(m.at("strategy/specified/refuse"), 0);
  EXPECT_EQ(m.at("false_clarification_rate"), 0.5);
  EXPECT_EQ(m.at("answer_rate"), 0.5);
  EXPECT_EQ(m.size(), 6u + 2 * (kNumTurnStrategies - 1) + 2);
}

TEST(Illocution, WithoutLabelsThereAreNoMetrics) {
  Tree tree = Labelled();
  for (Segment& s : tree.segments) s.outcome = {};
  std::vector<MetricTerm> terms;
  AddIllocutionTerms(tree, &terms);
  EXPECT_TRUE(terms.empty());
}

// A branch goes on with the turn of its parent: one turn of 2 + 3 tokens.
TEST(Illocution, ATurnOfSeveralSegmentsIsOne) {
  Tree tree;
  tree.segments = {{.tokens = {1}},
                   Turn(0, Author::kPolicy, {1, 1}),
                   Turn(1, Author::kPolicy, {2, 2, 2},
                        {.illocution = kUnder, .strategy = TurnStrategy::kHedge})};
  tree.leaves = {{.segment = 2, .reward = 1}};
  std::vector<MetricTerm> terms;
  AddIllocutionTerms(tree, &terms);
  const Metrics m = MetricsOf(terms);
  EXPECT_EQ(m.at("response_length/underspecified"), 5);
  EXPECT_DOUBLE_EQ(m.at("entropy/underspecified"), 1.6);
  EXPECT_EQ(m.at("reward/underspecified"), 1);
}

TEST(Turns, OfRowsThatWereSampledNow) {
  const Tree tree = Labelled();
  const Tree* trees[] = {&tree};
  Metrics m;
  MeasureTurns(MakeRows(trees), &m);
  EXPECT_DOUBLE_EQ(m.at("num_turns/mean"), 5.0 / 3);  // 2, 2, 1; the fourth is foreign
  EXPECT_EQ(m.at("num_turns/max"), 2);
  EXPECT_EQ(m.at("num_turns/min"), 1);
}

TEST(DropAborted, LeavesWithWhatOnlyTheyNeed) {
  Tree tree = Labelled();
  EXPECT_EQ(DropAborted(&tree), 0);
  EXPECT_EQ(tree.segments.size(), 9u);
  tree.leaves[1].finish = Finish::kAborted;
  EXPECT_EQ(DropAborted(&tree), 1);
  EXPECT_EQ(tree.segments.size(), 6u);
  EXPECT_EQ(tree.leaves.size(), 3u);
  EXPECT_EQ(tree.ResponseTokens(tree.leaves[0]).size(), 5u);
  EXPECT_EQ(tree.leaves[1].reward, 100);
  for (Leaf& leaf : tree.leaves) leaf.finish = Finish::kAborted;
  EXPECT_EQ(DropAborted(&tree), 3);
  EXPECT_TRUE(tree.leaves.empty());
}

// Rows of a replayed conversation are those of the first time, outcomes and all, from a checkpoint
// too.
TEST(Replay, KeepsConversations) {
  ReplaySettings settings;
  settings.groups = 1;
  settings.admit = "all";
  settings.max_uses = 0;
  ReplayStore store(settings);
  const Tree tree = Labelled();
  store.Admit(1, Prompt{}, tree);
  ReplayStore loaded(settings);
  loaded.Load(store.Save(), "t");
  const auto drawn = loaded.Draw(2, RandomKey(1));
  ASSERT_EQ(drawn.size(), 1u);
  const Tree* now[] = {&tree};
  const Tree* then[] = {&drawn[0].tree};
  const Rows a = MakeRows(now), b = MakeRows(then);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.turn, b.turn);
  EXPECT_EQ(a.turn_reward, b.turn_reward);
  EXPECT_EQ(a.illocution, b.illocution);
  EXPECT_EQ(a.strategy, b.strategy);
  EXPECT_EQ(a.logp_old, b.logp_old);
  EXPECT_EQ(a.reward, b.reward);
  EXPECT_EQ(b.replayed, (std::vector<char>{1, 1, 1, 1}));
}

// --- whole runs

// The environment that opens with its seed and replies with the turn's number. A conversation has
// 1 + seed % 3 turns and the score seed % 2. It dies in its first turn with
// argv[1] all: always; some: for one in five of the seeds; prompts: for one in two of the prompts.
constexpr const char* kGame = R"py(
import json, os, sys
turns = {}
for line in sys.stdin:
    request = json.loads(line)
    me = request["id"]
    if request["op"] == "end":
        continue
    if request["op"] == "reset":
        turns[me] = [request["seed"], 0]
        odd = len(request["prompt"]["messages"][0]["content"]) % 2
        turns[me].append({"all": True, "some": request["seed"] % 5 == 0, "prompts": odd == 1}
                         .get(sys.argv[1], False))
        reply = {"id": me, "messages": [{"role": "user", "content": "go"}]}
    else:
        seed, n, dies = turns[me]
        turns[me][1] = n + 1
        if dies:
            os._exit(1)
        if n == seed % 3:
            reply = {"id": me, "done": True, "score": seed % 2, "reward": 0.25,
                     "verdict": "right" if seed % 2 else "wrong", "metrics": {"seen": n + 1}}
        else:
            reply = {"id": me, "messages": [{"role": "user", "content": "turn %d" % n}]}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
)py";

class ConversationTraining : public testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModelFolder(folder_.path() + "/model");
    std::ofstream(folder_.path() + "/game.py") << kGame;
    std::ofstream(folder_.path() + "/rl.yaml") << R"(
compute: fp32
data: {train: "gsm_micro:max_steps=2,shards=true", validation: "gsm_micro:max_steps=2,shards=true", prompts_per_step: 3, max_prompt_tokens: 400}
rollout: {group_size: 4, max_tokens: 9, temperature: 1.5, max_sequences: 5, stop: [a, b, c, d, e, "0", "1"]}
environment: {name: sharded, max_turns: 4}
reward_shaping: {name: random_reward}
update: {lr: 3.0e-3, mini_batch_prompts: 2, micro_batch_tokens: 2000}
eval: {prompts: 2, k: 2, before: false}
trainer: {steps: 3, checkpoint_every: 1, keep_checkpoints: 9, rollout_groups: 9}
)";
  }
  Recipe Make(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> overrides = {"name=" + name, "output=" + folder_.path() + "/runs",
                                          "model=" + folder_.path() + "/model"};
    overrides.insert(overrides.end(), more.begin(), more.end());
    return LoadRecipe(folder_.path() + "/rl.yaml", overrides);
  }
  std::vector<std::string> Game(const std::string& who_dies) {
    return {"environment={name: process, max_turns: 4, command: [python3, '" + folder_.path() +
                "/game.py', " + who_dies + "]}",
            "reward_shaping=[]", "data.train=gsm_micro", "eval.after=false", "trainer.steps=2"};
  }
  std::string Run(const std::string& name) const { return folder_.path() + "/runs/" + name; }
  std::vector<nlohmann::json> Rollouts(const std::string& name, int64_t step) {
    std::ifstream file(Run(name) + "/rollouts/" + StepName(step) + ".jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  void ExpectSameRuns(const std::string& a, const std::string& b, int64_t last) {
    EXPECT_EQ(StableMetrics(Run(a)), StableMetrics(Run(b)));
    EXPECT_EQ(ReadFile(CheckpointFolder(Run(a), last) + "/hf/model.safetensors"),
              ReadFile(CheckpointFolder(Run(b), last) + "/hf/model.safetensors"));
    for (int64_t step = 1; step <= last; ++step) EXPECT_EQ(Rollouts(a, step), Rollouts(b, step));
  }

  TempFolder folder_;
};

TEST_F(ConversationTraining, SameBytesForAnyThreadsAndResumed) {
  Train(Make("base", {"threads=1"}));
  Train(Make("two", {"threads=2", "rollout.max_sequences=64", "rollout.prefill_tokens=30",
                     "update.micro_batch_tokens=100000"}));
  ExpectSameRuns("base", "two", 3);
  fs::copy(Run("base"), Run("killed"), fs::copy_options::recursive);
  for (const int64_t step : {2, 3}) fs::remove_all(CheckpointFolder(Run("killed"), step));
  fs::remove_all(Run("killed") + "/model");
  WriteFileAtomically(Run("killed") + "/checkpoints/latest", StepName(1) + "\n");
  Resume(Run("killed"));
  ExpectSameRuns("base", "killed", 3);

  int64_t longest = 0;
  for (const int64_t step : {1, 2, 3}) {
    const Metrics m = ReadMetrics(Run("base"), step);
    EXPECT_EQ(m.at("training/rollout_probs_diff_max"), 0);  // the bits, in training itself
    EXPECT_GT(m.at("actor/grad_norm"), 1e-3);
    EXPECT_EQ(m.at("env/aborted"), 0);
    EXPECT_EQ(m.at("env/num_turns"), m.at("num_turns/mean"));
    EXPECT_EQ(m.at("env/turns"), m.at("num_turns/mean"));
    EXPECT_EQ(m.count("answer_rate"), 1u);
    for (const auto& line : Rollouts("base", step)) {
      int64_t tokens = 0, turns = 0;
      for (const auto& turn : line["turns"]) {
        if (turn["author"] != "policy") {
          EXPECT_EQ(turn["num_tokens"], 0);
          continue;
        }
        tokens += turn["num_tokens"].get<int64_t>();
        EXPECT_NE(turn["illocution"], "unknown");
        ++turns;
      }
      EXPECT_EQ(tokens, static_cast<int64_t>(line["tokens"].size()));
      longest = std::max(longest, turns);
    }
  }
  EXPECT_GE(longest, 2);
  EXPECT_EQ(ReadMetrics(Run("base"), 3).count("val/env/num_turns"), 1u);

  // Any conversation again, from the checkpoint before it.
  const auto recorded = Rollouts("base", 3)[5];
  const Tree tree = ReplaySample(Run("base"), 3, recorded["prompt_index"], recorded["sample"]);
  EXPECT_EQ(tree.ResponseTokens(tree.leaves[0]), recorded["token_ids"].get<std::vector<int32_t>>());
}

TEST_F(ConversationTraining, RewardsAreTheGamesAndTurns) {
  Train(Make("game", Game("nobody")));
  const Metrics m = ReadMetrics(Run("game"), 2);
  EXPECT_EQ(m.at("env/aborted"), 0);
  EXPECT_EQ(m.at("env/seen"), m.at("env/num_turns"));
  EXPECT_NEAR(m.at("critic/rewards/mean"), m.at("critic/score/mean") + 0.25, 1e-6);
  int right = 0;
  for (const auto& line : Rollouts("game", 2)) {
    EXPECT_EQ(line["reward"], line["score"].get<double>() + 0.25);
    EXPECT_EQ(line["verdict"], line["score"] == 1.0 ? "right" : "wrong");
    EXPECT_EQ(line["prompt"].get<std::string>().find("<|im_start|>user\ngo<|im_end|>"), 0u);
    right += line["score"] == 1.0;
  }
  EXPECT_GT(right, 0);
  EXPECT_LT(right, 12);
}

// Conversations that die are counted and do not train; the run goes on, with the others.
TEST_F(ConversationTraining, AHostileEnvironmentCostsItsOwnConversations) {
  Train(Make("game", Game("some")));
  double aborted = 0;
  size_t lines = 0;
  for (const int64_t step : {1, 2}) {
    const Metrics m = ReadMetrics(Run("game"), step);
    EXPECT_EQ(m.at("env/aborted"), m.at("env/broken"));
    EXPECT_EQ(m.at("training/rollout_probs_diff_max"), 0);
    aborted += 12 * m.at("env/aborted");
    lines += Rollouts("game", step).size();
    for (const auto& line : Rollouts("game", step)) EXPECT_NE(line["finish"], "aborted");
  }
  EXPECT_GT(aborted, 0.5);
  EXPECT_NEAR(static_cast<double>(lines), 24 - aborted, 1e-9);
}

// A group that loses all its conversations is not trained on: another one takes its place where the
// selection may sample again, else the step goes on with fewer.
TEST_F(ConversationTraining, GroupsWithNobodyLeftAreNeverKept) {
  auto more = Game("prompts");
  more.insert(more.end(), {"data.prompts_per_step=4", "rollout.group_size=2", "trainer.steps=1",
                           "update.mini_batch_prompts=0"});
  Train(Make("fewer", more));
  Metrics m = ReadMetrics(Run("fewer"), 1);
  EXPECT_EQ(m.at("select/rounds"), 1);
  EXPECT_GT(m.at("env/aborted"), 0);
  EXPECT_LT(m.at("env/aborted"), 1);
  EXPECT_NEAR(m.at("select/kept"), 4 * (1 - m.at("env/aborted")), 1e-9);
  EXPECT_EQ(Rollouts("fewer", 1).size(), static_cast<size_t>(2 * m.at("select/kept")));
  more.emplace_back("select={name: dynamic_sampling, max_rounds: 50}");
  Train(Make("refilled", more));
  m = ReadMetrics(Run("refilled"), 1);
  EXPECT_GT(m.at("select/rounds"), 1);
  EXPECT_EQ(m.at("select/kept"), 4);
}

TEST_F(ConversationTraining, NobodyLeftIsAnError) {
  try {
    auto more = Game("all");
    more.insert(more.end(),
                {"data.prompts_per_step=1", "rollout.group_size=2", "update.mini_batch_prompts=1"});
    Train(Make("game", more));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("step 1: all 2 conversations were aborted"),
              std::string::npos)
        << e.what();
  }
}

// Of each turn of the policy, all of whose tokens must have the same.
std::vector<double> AdvantagesOfTurns(const nlohmann::json& line) {
  std::vector<double> advantages;
  size_t t = 0;
  for (const auto& turn : line["turns"]) {
    const auto n = turn["num_tokens"].get<size_t>();
    for (size_t i = 0; i < n; ++i, ++t) {
      const auto& all = line["advantage"];
      const double a = all.is_array() ? all[t].get<double>() : all.get<double>();
      if (i == 0) advantages.push_back(a);
      EXPECT_NEAR(a, advantages.back(), 1e-6);
    }
  }
  return advantages;
}

TEST_F(ConversationTraining, StepsOfCreditAreTurns) {
  for (const std::string method :
       {"[{name: group_normalized}, {name: empg, step: turn}]", "[{name: gigpo, anchor: last}]",
        "[{name: turn_normalized, gamma: 0.5}]"}) {
    const std::string name = method.substr(method.rfind("name: ") + 6, 4);
    Train(Make(name, {"advantage=" + method,
                      "environment={name: sharded, max_turns: 4, turn_reward: {name: icpo}}"}));
    int differ = 0;
    for (const int64_t step : {1, 2, 3}) {
      EXPECT_EQ(ReadMetrics(Run(name), step).at("training/rollout_probs_diff_max"), 0);
      for (const auto& line : Rollouts(name, step)) {
        const std::vector<double> turns = AdvantagesOfTurns(line);
        const auto [low, high] = std::minmax_element(turns.begin(), turns.end());
        differ += *high - *low > 1e-3;
      }
    }
    EXPECT_GE(differ, 6) << method;  // of 36 conversations
  }
}

TEST_F(ConversationTraining, EpoAndSpearTakeConversations) {
  Train(Make("epo", {"regularizer=[{name: epo, from_turn: 1, kappa_r: 1.0, history: {controller: "
                     "running_mean, metric: actor/entropy, init: 0}}]"}));
  const double outside = ReadMetrics(Run("epo"), 3).at("actor/epo_outside");
  EXPECT_GT(outside, 0);  // some tokens of later turns, and none of the first
  EXPECT_LT(outside, 0.9);
  Train(Make("spear", {"replay={groups: 2, capacity: 8, admit: all}",
                       "advantage=[{name: group_centered}, {name: spear, S: 2}]"}));
  const Metrics m = ReadMetrics(Run("spear"), 3);
  EXPECT_GT(m.at("spear/kept"), 0);
  EXPECT_LT(m.at("spear/kept"), 1);
}

TEST_F(ConversationTraining, RecipesThatDoNotGoTogether) {
  EXPECT_EQ(MostResponseTokens(Make("a")), 36);
  EXPECT_EQ(MostResponseTokens(Make("a", {"environment.max_tokens=30"})), 30);
  EXPECT_EQ(MostResponseTokens(Make("a", {"environment={name: none}"})), 9);
  EXPECT_EQ(Make("a").rollout.options.conversation.max_turns, 4);
  EXPECT_NE(Make("a").resolved.Find("environment")->Find("user"), nullptr);  // with its defaults
  for (const auto& [more, part] : std::vector<std::pair<std::string, std::string>>{
           {"rollout.strategy={name: branch, first: 2, branches: 1}", "rollout.strategy branch"},
           {"rollout.sampling_context.before=x", "rollout.sampling_context"},
           {"expert.rows=1", "expert.rows"},
           {"likelihood_reward.kind=logp", "likelihood_reward"},
           {"environment={name: shard}", "sharded"},
           {"environment={name: sharded, max_turn: 3}", "max_turn"},
           {"environment.max_turns=0", "max_turns"}}) {
    try {
      Make("a", {more});
      ADD_FAILURE() << more;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace rlvr
