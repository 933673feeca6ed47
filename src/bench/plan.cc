#include "bench/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "eval/policy.h"
#include "model/hf_folder.h"
#include "train/activation_memory.h"
#include "train/collect.h"
#include "train/recipe_prompts.h"

namespace rlvr {
namespace {

std::vector<int64_t> Cycled(const std::vector<int64_t>& lengths, int64_t n) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(lengths[static_cast<size_t>(i) % lengths.size()]);
  return all;
}

int64_t PerRound(const Recipe& r) {
  return r.rollout.gen_prompts > 0 ? r.rollout.gen_prompts : r.data.prompts_per_step;
}

int64_t NumEvaluationPrompts(const Recipe& recipe) {
  const int64_t all = OpenValidationPrompts(recipe)->size();
  return recipe.eval.prompts > 0 ? std::min(recipe.eval.prompts, all) : all;
}

int64_t NumEvaluations(const Recipe& r) {
  int64_t n = r.eval.before ? 1 : 0;
  if (r.eval.every > 0) n += r.trainer.steps / r.eval.every;
  const bool last_is_due = r.eval.every > 0 && r.trainer.steps % r.eval.every == 0;
  return n + (r.eval.after && !last_is_due ? 1 : 0);
}

// The largest micro-batch of mean groups, as SplitMicroBatches makes them.
void CountTrained(const Recipe& r, const StepTime& step, TokenCounts* tokens) {
  const auto groups = static_cast<double>(r.data.prompts_per_step);
  const auto group = static_cast<int64_t>(std::ceil(step.trained_tokens / groups));
  const int64_t mini =
      r.update.mini_batch_prompts > 0 ? r.update.mini_batch_prompts : r.data.prompts_per_step;
  const int64_t fit =
      std::max<int64_t>(1, r.update.micro_batch_tokens / std::max<int64_t>(1, group));
  tokens->unit = group;
  tokens->micro_batch = std::min(mini, fit) * group;
  tokens->segments = std::min(mini, fit) * (1 + r.rollout.group_size);
  tokens->step = static_cast<int64_t>(step.trained_tokens);
}

}  // namespace

double ExpectedGroups(double kept, int64_t wanted, int64_t most) {
  if (kept >= 1) return static_cast<double>(std::min(most, wanted));
  constexpr int kDraws = 200;
  Random random(RandomKey(29));
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    int64_t have = 0, groups = 0;
    for (; have < wanted && groups < most; ++groups) have += random.Uniform() < kept ? 1 : 0;
    sum += static_cast<double>(groups);
  }
  return sum / kDraws;
}

StepTime TimeOfStep(const Recipe& r, const Calibration& c, const std::vector<int64_t>& lengths,
                    SamplingPlan* sampling) {
  StepTime t;
  const int64_t group = r.rollout.group_size, wanted = r.data.prompts_per_step;
  const int64_t max_sequences = r.rollout.options.max_sequences;
  t.prompts = ExpectedGroups(c.kept, wanted, c.max_rounds * PerRound(r));
  const auto whole = static_cast<int64_t>(std::ceil(t.prompts));
  const double share = t.prompts / static_cast<double>(whole);
  *sampling = PlanSampling(c.sampling, Cycled(lengths, whole * group), group, c.prompt_tokens,
                           max_sequences);
  t.prefill = share * sampling->prefill_seconds;
  t.decode = share * sampling->decode_seconds;
  t.sampled_tokens = share * static_cast<double>(sampling->tokens);
  t.verify = c.judge_response * t.prompts * static_cast<double>(group);
  if (SamplesContinuously(r, 1)) t.verify = std::max(0.0, t.verify - t.gen());  // beside sampling
  const double response =
      static_cast<double>(sampling->tokens) / static_cast<double>(whole * group);
  // The last token of a response is predicted, not run.
  t.trained_tokens =
      static_cast<double>(wanted) * (c.prompt_tokens + static_cast<double>(group) * response);
  t.credit = c.credit_token * t.trained_tokens;
  const int64_t mini = r.update.mini_batch_prompts > 0 ? r.update.mini_batch_prompts : wanted;
  const double per_epoch = std::ceil(static_cast<double>(wanted) / static_cast<double>(mini));
  t.updates = static_cast<double>(r.update.epochs) * per_epoch;
  const double on_policy = std::min(1.0, static_cast<double>(mini) / static_cast<double>(wanted));
  t.update =
      t.trained_tokens * (on_policy * c.update_token +
                          (static_cast<double>(r.update.epochs) - on_policy) * c.later_token);
  t.optimizer = t.updates * c.optimizer;
  if (NumEvaluations(r) > 0) {
    const int64_t n = NumEvaluationPrompts(r) * r.eval.k;
    t.evaluation =
        PlanSampling(c.sampling, Cycled(lengths, n), r.eval.k, c.prompt_tokens, max_sequences)
            .seconds() +
        static_cast<double>(n) * c.judge_response;
  }
  return t;
}

Plan MakePlan(const Recipe& recipe, const PlanOptions& options,
              const std::function<Recipe(const std::vector<std::string>&)>& reload,
              const std::function<void(double, const std::string&)>& progress) {
  if (recipe.kind != "rl") {
    throw Error(recipe.name, "a recipe of kind " + recipe.kind,
                "rlvr plan is for rl; rlvr " + recipe.kind + " --dry-run estimates its memory");
  }
  if (HasEnvironment(recipe.resolved)) {
    throw Error(recipe.name, "its prompts open conversations, whose other side takes its own time",
                "rlvr train --dry-run estimates its memory");
  }
  Plan plan;
  plan.recipe = recipe.name;
  plan.model = LoadConfig(FindModelFolder(recipe.model));
  plan.max_tokens = MostResponseTokens(recipe);
  plan.prompts = recipe.data.prompts_per_step;
  plan.group_size = recipe.rollout.group_size;
  plan.steps = recipe.trainer.steps;
  plan.evaluations = NumEvaluations(recipe);
  plan.available = options.available > 0 ? options.available : FreeMemory();
  CheckLongestTreeFits(recipe, plan.model, "the policy");
  plan.longest_tokens = LongestTokens(recipe);
  plan.longest_memory = EstimateMemory(recipe, plan.model, plan.longest_tokens);
  if (plan.longest_memory.total() > plan.available)
    plan.savings = MemorySavings(recipe, plan.model, reload);
  // The calibration holds what training holds, though fewer tokens.
  if (plan.longest_memory.held() > plan.available) return plan;

  plan.calibration = Calibrate(recipe, options.seconds, reload, progress);
  plan.timed = true;
  const Calibration& c = plan.calibration;
  std::vector<int64_t> ended, lengths = c.lengths;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < c.cut || c.num_cut == 0) ended.push_back(lengths[i]);
  }
  plan.mean_length = MeanLength(ended, c.num_cut, c.cut, plan.max_tokens);
  if (c.num_cut > 0) {  // those that were cut off get the length that they would have had
    double known = 0;
    for (const int64_t n : ended) known += static_cast<double>(n);
    const double cut_mean = (plan.mean_length * static_cast<double>(lengths.size()) - known) /
                            static_cast<double>(lengths.size() - ended.size());
    for (int64_t& n : lengths) {
      if (n >= c.cut) n = std::llround(cut_mean);
    }
  }
  SamplingPlan sampling, longest;
  plan.expected = TimeOfStep(recipe, c, lengths, &sampling);
  plan.longest = TimeOfStep(recipe, c, {plan.max_tokens}, &longest);
  TokenCounts& tokens = plan.expected_tokens;
  tokens.cache = sampling.most_cached;
  tokens.sequences = sampling.most_sequences;
  tokens.prefill = recipe.rollout.options.prefill_tokens + tokens.sequences;
  CountTrained(recipe, plan.expected, &tokens);
  plan.expected_memory = EstimateMemory(recipe, plan.model, tokens);
  return plan;
}

}  // namespace rlvr
