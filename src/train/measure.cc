#include "train/measure.h"

#include <algorithm>
#include <string>

#include "train/conversations.h"

namespace rlvr {
namespace {

// Of the trees that this policy sampled.
struct SampledTrees {
  int64_t groups = 0;
  Summary prompt_length;  // once a trajectory
  Summary entropy;        // of policy tokens
};

SampledTrees Summarize(const std::vector<Tree>& trees) {
  SampledTrees sampled;
  for (const Tree& tree : trees) {
    const bool own =
        std::any_of(tree.segments.begin(), tree.segments.end(),
                    [](const Segment& segment) { return segment.author == Author::kPolicy; });
    if (!own) continue;  // replayed as a whole
    ++sampled.groups;
    const auto length = static_cast<double>(tree.segments[0].tokens.size());
    for (size_t l = 0; l < tree.leaves.size(); ++l) sampled.prompt_length.Add(length);
    for (const Segment& segment : tree.segments) {
      if (segment.author != Author::kPolicy) continue;
      for (const float e : segment.entropy) sampled.entropy.Add(e);
    }
  }
  return sampled;
}

}  // namespace

Metrics MeasureStep(const StepBatch& batch, const PolicyUpdate& update) {
  Summary score, reward, advantage, response;
  const Rows& rows = batch.rows;
  int64_t truncated = 0, num_leaves = 0;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (rows.foreign[s]) continue;
    ++num_leaves;
    score.Add(rows.score[s]);
    reward.Add(rows.reward[s]);
    response.Add(static_cast<double>(rows.length(s)));
    truncated += rows.truncated[s];
  }
  for (size_t t = 0; t < rows.adv.size(); ++t) {
    if (rows.mask[t] != 0) advantage.Add(rows.adv[t]);
  }
  const SampledTrees sampled = Summarize(batch.trees);

  std::vector<MetricTerm> terms = batch.terms;
  AddTerms(update.terms, &terms);
  Metrics m = MetricsOf(terms);
  score.Write("critic/score", &m);
  reward.Write("critic/rewards", &m);
  advantage.Write("critic/advantages", &m);
  response.Write("response_length", &m);
  sampled.prompt_length.Write("prompt_length", &m);
  m["response_length/clip_ratio"] =
      static_cast<double>(truncated) / static_cast<double>(num_leaves);
  m.emplace("actor/entropy", sampled.entropy.mean());
  if (update.updates > 0) {
    m["actor/objective"] = update.objective;
    m["actor/grad_norm"] = update.grad_norm;
    m["actor/lr"] = update.lr;
  }
  m["actor/skipped_updates"] = static_cast<double>(update.skipped);
  m["training/rollout_probs_diff_max"] = update.probs_diff_max;
  for (const Verdict v : {Verdict::kRight, Verdict::kWrong, Verdict::kTimedOut, Verdict::kBroken}) {
    m[std::string("verdict/") + ToString(v)] =
        static_cast<double>(batch.verdicts[static_cast<int>(v)]) /
        static_cast<double>(batch.sampled);
  }
  for (const auto& [name, value] : batch.conversations) m["env/" + name] = value;
  if (!batch.conversations.empty()) MeasureTurns(rows, &m);
  const auto groups = static_cast<double>(batch.sampled_groups);
  m["select/rounds"] = static_cast<double>(batch.rounds);
  m["select/kept"] = static_cast<double>(sampled.groups);
  m["select/sampled"] = groups;
  m["batch/solve_none"] = static_cast<double>(batch.solve_none) / groups;
  m["batch/solve_all"] = static_cast<double>(batch.solve_all) / groups;
  m["timing_s/gen"] = batch.seconds_rollout;
  m["timing_s/reward"] = batch.seconds_reward;
  m["timing_s/judge"] = batch.seconds_judge;
  m["perf/groups_in_vain"] = static_cast<double>(batch.groups_in_vain);
  m["perf/tokens_in_vain"] = static_cast<double>(batch.tokens_in_vain);
  m["perf/sampled_tokens_per_s"] =
      static_cast<double>(batch.rollout.sampled_tokens) / batch.seconds_rollout;
  const auto drafts = static_cast<double>(batch.rollout.draft_tokens),
             accepted = static_cast<double>(batch.rollout.accepted_tokens),
             decoded = static_cast<double>(batch.rollout.decoded_sequences);
  m["perf/draft_tokens"] = drafts;
  m["perf/draft_acceptance_rate"] = accepted / std::max(drafts, 1.0);
  m["perf/mean_acceptance_length"] = 1 + accepted / std::max(decoded, 1.0);
  m["perf/trained_tokens"] = static_cast<double>(update.trained_tokens);
  m["perf/total_tokens"] =
      (sampled.prompt_length.mean() + response.mean()) * static_cast<double>(num_leaves);
  return m;
}

}  // namespace rlvr
