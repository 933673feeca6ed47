// What the objective costs beside the training that it steers: reward shaping, advantages and loss
// (values and coefficients) of 200,000 tokens, as a share of one update of the embedded tiny model
// on as many tokens. The objective runs on one thread; the update is taken to be as many times
// faster than on one thread as the machine has cores, which is the most that it can be.
//
//   objective_bench [RECIPE ...]      every recipe of kind rl by default
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>

#include "base/thread_pool.h"
#include "eval/policy.h"
#include "objective/coefficient.h"
#include "train/recipe.h"
#include "train/update.h"

namespace rlvr {
namespace {

constexpr int64_t kGroups = 125, kGroupSize = 16, kLength = 100;  // 200,000 tokens
constexpr int64_t kTokens = kGroups * kGroupSize * kLength;
constexpr double kAllowed = 0.02;

// Processor seconds: what else runs on the machine does not count. One thread does all the work.
double Seconds(const std::function<void()>& body) {
  const std::clock_t begin = std::clock();
  body();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}
double Fastest(int times, const std::function<void()>& body) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < times; ++i) best = std::min(best, Seconds(body));
  return best;
}

struct Stages {
  Recipe recipe;
  BatchStages shaping, advantage;
  std::unique_ptr<Objective> objective;
  Needs needs;
};
Stages MakeStages(const std::string& name) {
  Stages s{.recipe = LoadRecipe(name, {"model=base_tiny"})};
  if (s.recipe.kind != "rl") return s;
  const auto node = [&](const char* stage) -> ConfigNode {
    const ConfigNode* n = s.recipe.resolved.Find(stage);
    return n ? ResolveCoefficients(*n, stage, 1, {}) : ConfigNode{};
  };
  const ConfigNode shaping = node("reward_shaping"), advantage = node("advantage"),
                   weight = node("token_weight"), loss = node("policy_loss"),
                   regularizer = node("regularizer");
  s.shaping = MakeRewardShaping(&shaping);
  s.advantage = MakeAdvantage(&advantage);
  s.objective = MakeObjective(&weight, &loss, &regularizer);
  s.needs = s.objective->needs();
  s.needs.Add(s.shaping.needs());
  s.needs.Add(s.advantage.needs());
  return s;
}

// A batch as sampling and scoring would leave it.
Rows MakeBatch(const Stages& s, Random* random) {
  Rows r;
  for (int64_t g = 0; g < kGroups; ++g) {
    r.prompt.push_back(g);
    r.occurrence.push_back(0);
    r.task.push_back(static_cast<int32_t>(g % 2));
    for (int64_t i = 0; i < kGroupSize; ++i) {
      r.begin.push_back(r.begin.back() + kLength);
      r.sample.push_back(static_cast<int32_t>(i));
      const bool right = i == 0 || (i > 1 && random->Uniform() < 0.4);  // of both in every group
      r.verdict.push_back(right ? Verdict::kRight : Verdict::kWrong);
      r.score.push_back(right ? s.recipe.reward.correct : s.recipe.reward.wrong);
      r.answer.push_back(right ? 0 : static_cast<int32_t>(i));
      r.foreign.push_back(s.recipe.expert.rows > 0 && i == kGroupSize - 1);
    }
    r.group_begin.push_back(static_cast<int64_t>(r.sample.size()));
  }
  r.reward = r.score;
  r.truncated.assign(r.sample.size(), 0);
  r.replayed.assign(r.sample.size(), 0);
  r.turn.assign(kTokens, 0);
  r.adv.assign(kTokens, 0);
  r.weight.assign(kTokens, 1);
  r.mask.assign(kTokens, 1);
  r.token_reward.assign(kTokens, 0);
  const auto column = [&](double low, double high) {
    std::vector<double> v(kTokens);
    for (double& x : v) x = low + (high - low) * random->Uniform();
    return v;
  };
  for (int64_t t = 0; t < kTokens; ++t)
    r.token.push_back(static_cast<int32_t>(random->Int(0, 500)));
  r.logp_old = column(-3, 0);
  r.entropy_old = column(0, 3);
  if (s.needs.reference) r.logp_ref = column(-3, 0);
  if (s.needs.values) r.value = column(0, 1);
  if (s.needs.process_reward) r.token_reward = column(-0.1, 0.1);
  for (const Statistic& b : s.needs.behaviour) r.behaviour[ToString(b)] = column(0.1, 0.9);
  return r;
}

struct Cost {
  double batch = 0, loss = 0;  // seconds
};
Cost MeasureObjective(const Stages& s, const Tokenizer& tokenizer) {
  Random random(RandomKey(1));
  const Rows fresh = MakeBatch(s, &random);
  Cost cost;
  Rows rows;
  cost.batch = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    rows = fresh;
    RunState state;
    std::vector<MetricTerm> metrics;
    const BatchContext context{.max_tokens = kLength,
                               .key = RandomKey(2),
                               .state = &state,
                               .tokenizer = &tokenizer,
                               .metrics = &metrics};
    cost.batch = std::min(cost.batch, Seconds([&] {
                            s.shaping.Apply(&rows, context);
                            s.advantage.Apply(&rows, context);
                          }));
  }
  std::vector<std::vector<double>> statistics;
  for (const Statistic& wanted : s.objective->needs().statistics) {
    std::vector<double> v(kTokens);
    for (int64_t t = 0; t < kTokens; ++t) {
      v[t] = wanted == Statistic::kLogp ? rows.logp_old[t] + 0.1 * random.Normal()
                                        : 0.1 + 0.8 * random.Uniform();
    }
    statistics.push_back(std::move(v));
  }
  const Totals totals = CountTotals(rows);
  cost.loss =
      Fastest(3, [&] { (void)s.objective->Evaluate(rows, totals, statistics, RandomKey(3)); });
  return cost;
}

// Seconds of one update of the tiny model on kTokens response tokens: forward, backward and AdamW,
// measured on fewer groups of the same shape.
double MeasureUpdate(const Policy& policy) {
  constexpr int64_t kMeasured = 5, kPrompt = 60;
  Random random(RandomKey(4));
  std::vector<Tree> trees;
  const auto fill = [&](Segment* s, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      s->tokens.push_back(
          static_cast<int32_t>(random.Int(0, policy.model->config().vocab_size - 1)));
  };
  for (int64_t g = 0; g < kMeasured; ++g) {
    Tree tree;
    tree.prompt_index = g;
    tree.segments.emplace_back();
    fill(&tree.segments.back(), kPrompt);
    for (int32_t i = 0; i < kGroupSize; ++i) {
      Segment segment;
      segment.parent = 0;
      segment.author = Author::kPolicy;
      segment.sample = i;
      fill(&segment, kLength);
      segment.logp.assign(kLength, -1);
      segment.entropy.assign(kLength, 1);
      tree.segments.push_back(std::move(segment));
      tree.leaves.push_back({.segment = i + 1});
    }
    trees.push_back(std::move(tree));
  }
  std::vector<const Tree*> pointers;
  for (const Tree& tree : trees) pointers.push_back(&tree);
  Rows rows = MakeRows(pointers);
  std::fill(rows.adv.begin(), rows.adv.end(), 1.0);
  const auto objective = MakeObjective(nullptr, nullptr, nullptr);
  Updater updater(policy.model.get(), objective.get(), {}, 1000, 1, 16384, {});
  Optimizer optimizer(*policy.model);
  const auto update = [&] { updater.MiniBatch(pointers, rows, false, RandomKey(5), &optimizer); };
  update();  // buffers
  return Fastest(3, update) * static_cast<double>(kGroups) / kMeasured;
}

int Run(std::vector<std::string> recipes) {
  const int cores = NumThreads();
  SetNumThreads(1);
  const Policy policy = LoadPolicy("base_tiny", ComputeType::kBf16, true);
  const double update = MeasureUpdate(policy) / cores;
  fmt::print(
      "one update of base_tiny (bf16, {} threads) on {} tokens: {:.2f} s, {:.0f} tokens/s\n\n",
      cores, kTokens, update, kTokens / update);
  fmt::print("| recipe | advantages, ms | loss and coefficients, ms | share of the update |\n");
  fmt::print("|---|---|---|---|\n");
  if (recipes.empty()) {
    for (const auto& [name, what] : ListRecipes()) recipes.push_back(name);
  }
  double largest = 0;
  for (const std::string& name : recipes) {
    const Stages stages = MakeStages(name);
    if (stages.recipe.kind != "rl") continue;
    const Cost cost = MeasureObjective(stages, *policy.tokenizer);
    const double share = (cost.batch + cost.loss) / update;
    largest = std::max(largest, share);
    fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} % |\n", name, 1e3 * cost.batch, 1e3 * cost.loss,
               100 * share);
    std::fflush(stdout);
  }
  fmt::print("\nlargest share: {:.2f} % ({:.0f} % is allowed)\n", 100 * largest, 100 * kAllowed);
  return largest <= kAllowed ? 0 : 1;
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) { return rlvr::Run({argv + 1, argv + argc}); }
