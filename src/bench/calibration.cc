#include "bench/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "bench/cases.h"
#include "bench/roofline.h"
#include "eval/eval.h"
#include "train/activation_memory.h"
#include "train/collect.h"
#include "train/credit.h"
#include "train/recipe_prompts.h"
#include "train/stopwatch.h"
#include "train/trained_policy.h"

namespace rlvr {
namespace {

constexpr int64_t kShort = 16;  // tokens of a response while steps are timed

// Requests of prompts of about the recipe's length.
struct Sampler {
  const Policy& policy;
  RolloutOptions options;
  int64_t prompt_tokens;

  struct Run {
    double seconds = 0;
    int64_t steps = 0, tokens = 0;
  };
  // `sequences` single responses of at most `tokens`.
  Run Sample(int64_t sequences, int64_t tokens) const {
    RolloutOptions o = options;
    o.max_tokens = tokens;
    o.max_sequences = sequences;
    std::vector<RolloutRequest> requests;
    for (Tree& tree : ArbitraryTrees(policy.model->config(), 1, prompt_tokens, 0, 0)) {
      requests.push_back({.tree = std::move(tree), .num_samples = static_cast<int>(sequences)});
      requests.back().key = RandomKey(17);
    }
    RolloutStats stats;
    Stopwatch watch;
    Rollout(policy.model->sampler(), *policy.tokenizer, o, std::move(requests), &stats);
    return {watch.Lap(), stats.decode_steps, stats.sampled_tokens};
  }
  // Seconds of a step that gives each of n sequences a token, at about `from` + (to - from) / 2 keys
  // beyond the prompt.
  double Step(int64_t n, int64_t from, int64_t to) const {
    std::vector<double> steps;
    for (int i = 0; i < 3; ++i) {
      const Run shorter = Sample(n, from), longer = Sample(n, to);
      const double count = std::max(
          1.0, static_cast<double>(longer.tokens - shorter.tokens) / static_cast<double>(n));
      steps.push_back(std::max(1e-9, longer.seconds - shorter.seconds) / count);
    }
    return Median(steps);
  }
};

// Prefill and decode steps by the number of sequences.
SamplingRates MeasureSampling(const Policy& policy, const RolloutOptions& options,
                              double prompt_tokens, int64_t sequences, int64_t longest) {
  SamplingRates rates;
  const int64_t prompt = std::max<int64_t>(1, static_cast<int64_t>(prompt_tokens + 0.5));
  const Sampler sampler{policy, options, prompt};
  sampler.Sample(std::min<int64_t>(sequences, 8), 2);  // not counted
  std::vector<int64_t> sizes = {1};
  for (int64_t n = 4; n < sequences; n *= 4) sizes.push_back(n);
  if (sequences > 1) sizes.push_back(sequences);
  const int64_t to = std::min(kShort, longest);
  for (const int64_t n : sizes) {
    rates.step.emplace_back(static_cast<double>(n),
                            to > 1 ? sampler.Step(n, 1, to) : sampler.Sample(n, 1).seconds);
  }
  rates.context = static_cast<double>(prompt) + static_cast<double>(to) / 2;
  // Longer contexts, with half of the sequences, so that it takes little time.
  const int64_t n = std::max<int64_t>(1, std::min<int64_t>(sequences, 64));
  const int64_t far = std::min<int64_t>(longest, 8 * kShort);
  if (far > 2 * to) {
    const double near_step = rates.StepSeconds(static_cast<double>(n), rates.context);
    const double far_step = sampler.Step(n, far - to, far);
    const double keys =
        static_cast<double>(far - to) + static_cast<double>(to) / 2 - static_cast<double>(to) / 2;
    rates.key = std::max(0.0, (far_step - near_step) / (static_cast<double>(n) * keys));
  }
  // Prompts alone: eight times as long against once, with one response token.
  const int64_t context = policy.model->config().context_length();
  const int64_t longer = std::min(8 * prompt, context - 2);
  if (longer > prompt) {
    const Sampler many{policy, options, longer};
    std::vector<double> seconds;
    for (int i = 0; i < 3; ++i)
      seconds.push_back((many.Sample(1, 1).seconds - sampler.Sample(1, 1).seconds) /
                        static_cast<double>(longer - prompt));
    rates.prompt_token = std::max(0.0, Median(seconds));
  }
  return rates;
}

// Whole groups, at least one, until there are max_tokens.
std::vector<const Tree*> UpTo(const std::vector<Tree>& trees, int64_t max_tokens) {
  std::vector<const Tree*> some;
  int64_t tokens = 0;
  for (const Tree& tree : trees) {
    if (!some.empty() && tokens + tree.NumTokens() > max_tokens) break;
    tokens += tree.NumTokens();
    some.push_back(&tree);
  }
  return some;
}

int64_t NumTokens(const std::vector<const Tree*>& trees) {
  int64_t tokens = 0;
  for (const Tree* tree : trees) tokens += tree->NumTokens();
  return tokens;
}

// Of what a mini-batch takes whatever its tokens: clearing the gradient, AdamW, packing.
double OptimizerSeconds(Updater* updater, const OptimizerSettings& settings, Model* model,
                        Optimizer* optimizer) {
  return Measure(0, 3,
                 [&] {
                   updater->gradient().Clear();
                   ApplyGradient(settings, 1000, updater->gradient().Finish(), model, optimizer);
                 })
      .seconds;
}

}  // namespace

Calibration Calibrate(const Recipe& recipe, double budget,
                      const std::function<Recipe(const std::vector<std::string>&)>& reload,
                      const std::function<void(double, const std::string&)>& progress) {
  const auto tell = [&](double share, const char* what) {
    if (progress) progress(share, what);
  };
  Calibration c;
  Stopwatch all;
  tell(0, "loading the model");
  Policy policy = LoadTrained(recipe, recipe.model);
  const StepMethods methods = MakeMethods(recipe, 1, {});
  const auto& update = recipe.update;
  OptimizerSettings settings = update.optimizer;
  settings.lr = 0;  // so that the weights stay those that sampled, pass after pass
  Updater updater(policy.model.get(), methods.objective.get(), settings, 1000,
                  recipe.rollout.options.sampling.score_temperature(), update.micro_batch_tokens,
                  BoundOf(recipe));
  CreditAssignment credit(recipe, policy, methods.needs(), updater.passes());
  updater.SetReference(credit.reference());
  Optimizer optimizer(*policy.model);

  tell(0.1, "timing decode steps");
  const int64_t group = recipe.rollout.group_size, max_tokens = MostResponseTokens(recipe);
  const int64_t per_round =
      recipe.rollout.gen_prompts > 0 ? recipe.rollout.gen_prompts : recipe.data.prompts_per_step;
  const int64_t at_once = std::min(recipe.rollout.options.max_sequences, per_round * group);
  {
    const auto source = OpenTrainPrompts(recipe, policy.tokenizer.get());
    const int64_t n = std::min<int64_t>(source->size(), 64);
    for (int64_t i = 0; i < n; ++i) {
      const auto tokens =
          static_cast<int64_t>(EncodePrompt(*policy.tokenizer, source->Get(i)).size());
      c.prompt_tokens += static_cast<double>(tokens) / static_cast<double>(n);
    }
  }
  c.sampling =
      MeasureSampling(policy, recipe.rollout.options, c.prompt_tokens, at_once, max_tokens);

  // The first prompts of the first step, as many and as far as the budget allows.
  tell(0.35, "sampling");
  const double one_step = c.sampling.StepSeconds(static_cast<double>(at_once), c.sampling.context);
  const double a_token = one_step / static_cast<double>(at_once);
  c.cut = std::clamp<int64_t>(static_cast<int64_t>(0.3 * budget / one_step),
                              std::min<int64_t>(max_tokens, kShort), max_tokens);
  const double a_group = a_token * static_cast<double>(group * c.cut);
  c.prompts = std::clamp<int64_t>(
      static_cast<int64_t>(0.3 * budget / a_group),
      std::min<int64_t>(per_round, std::max<int64_t>(1, at_once / group)), per_round);
  std::vector<std::string> less = {fmt::format("data.prompts_per_step={}", c.prompts),
                                   fmt::format("rollout.gen_prompts={}", c.prompts),
                                   fmt::format("update.mini_batch_prompts={}", c.prompts),
                                   "select={name: none}"};
  if (!HasEnvironment(recipe.resolved)) less.push_back(fmt::format("rollout.max_tokens={}", c.cut));
  const Recipe small = reload(less);
  double spent = 0;
  Collector collector(small, policy, updater.passes());
  // Again and again where there is time: the same samples, and a median of what they took.
  StepBatch batch;
  std::vector<double> rollout, reward;
  for (Stopwatch watch; rollout.empty() || (rollout.size() < 3 && spent < 0.3 * budget);) {
    batch = collector.Collect(1, 0, {});
    rollout.push_back(batch.seconds_rollout);
    reward.push_back(batch.seconds_judge);
    spent += watch.Lap();
  }
  StepBatch kept;
  const auto selector = MakeSelector(recipe.resolved.Find("select"));
  c.max_rounds = selector->max_rounds();
  c.prompt_tokens = 0;
  for (const Tree& tree : batch.trees) {
    const auto prompt = static_cast<int64_t>(tree.segments[0].tokens.size());
    c.prompt_tokens += static_cast<double>(prompt) / static_cast<double>(batch.trees.size());
    c.longest_prompt = std::max(c.longest_prompt, prompt);
    for (const Leaf& leaf : tree.leaves) {
      c.lengths.push_back(static_cast<int64_t>(tree.ResponseTokens(leaf).size()));
      c.num_cut += leaf.finish == Finish::kLength && c.cut < max_tokens;
    }
    if (!selector->Keep(tree)) continue;
    kept.trees.push_back(tree);
    kept.prompts.push_back(batch.prompts[static_cast<size_t>(&tree - batch.trees.data())]);
  }
  c.kept = static_cast<double>(kept.trees.size()) / static_cast<double>(batch.trees.size());
  c.judge_response = Median(reward) / static_cast<double>(c.lengths.size());
  const SamplingPlan predicted =
      PlanSampling(c.sampling, c.lengths, group, c.prompt_tokens, at_once);
  c.sampling.scale = Median(rollout) / predicted.seconds();

  tell(0.6, "training");
  if (kept.trees.empty()) kept = batch;
  std::vector<double> credits, updates, laters;
  const auto pass = [&](const StepBatch& whole, const std::vector<const Tree*>& trees, bool timed) {
    StepBatch part;
    for (size_t i = 0; i < trees.size(); ++i) {
      part.trees.push_back(*trees[i]);
      part.prompts.push_back(whole.prompts[i]);
    }
    const auto tokens = static_cast<double>(NumTokens(trees));
    RunState state;
    Stopwatch watch;
    credit.Assign(1, methods, &state, &part);
    credit.UpdateCritic(1, &part);
    const double assigned = watch.Lap();
    const auto pointers = part.Pointers();
    const UpdateResult result =
        updater.MiniBatch(pointers, part.rows, /*on_policy=*/true, RandomKey(1), &optimizer,
                          credit.MoreGradient(0, static_cast<int64_t>(pointers.size())));
    const double on_policy = watch.Lap();
    if (!timed) return on_policy / tokens;
    updater.MiniBatch(pointers, part.rows, /*on_policy=*/false, RandomKey(1), &optimizer,
                      credit.MoreGradient(0, static_cast<int64_t>(pointers.size())));
    const double later = watch.Lap();
    credits.push_back(assigned / tokens);
    updates.push_back(std::max(0.0, on_policy - c.optimizer) / tokens);
    laters.push_back(std::max(0.0, later - c.optimizer) / tokens);
    c.update_tokens = static_cast<int64_t>(tokens);
    return on_policy / tokens;
  };
  // The first passes find their memory new; then a batch as large as the trainer's where there is
  // time for it.
  pass(kept, UpTo(kept.trees, 1), false);
  const double rough = pass(kept, UpTo(kept.trees, 1), false);
  c.optimizer = OptimizerSeconds(&updater, settings, policy.model.get(), &optimizer);
  const auto most = static_cast<int64_t>(0.2 * budget / rough);
  const auto trees = UpTo(kept.trees, std::min(most, update.micro_batch_tokens));
  pass(kept, trees, false);
  tell(0.8, "training");
  spent = 0;
  for (Stopwatch watch; updates.size() < 3 && spent < 0.3 * budget; spent += watch.Lap())
    pass(kept, trees, true);
  c.credit_token = Median(credits);
  c.update_token = Median(updates);
  c.later_token = Median(laters);
  c.seconds = all.Lap();
  tell(1, "");
  return c;
}

}  // namespace rlvr
