#include "train/process_reward.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/policy.h"

namespace rlvr {
namespace {}  // namespace

OutcomeLoss OutcomeCrossEntropy(double score, bool right) {
  const double x = right ? -score : score;
  const double small = std::exp(-std::abs(x));  // never overflows
  const double sigmoid = x > 0 ? 1 / (1 + small) : small / (1 + small);
  return {std::max(x, 0.0) + std::log1p(small), right ? -sigmoid : sigmoid};
}

ProcessReward::ProcessReward(const std::string& folder, ComputeType compute,
                             const ProcessRewardSettings& settings, int64_t total_steps,
                             float temperature, int64_t micro_batch_tokens,
                             const ActivationBound& bound)
    : folder_(FindModelFolder(folder)),
      settings_(settings),
      total_steps_(total_steps),
      temperature_(temperature),
      micro_batch_tokens_(micro_batch_tokens),
      model_(LoadPolicy(folder_, compute, /*for_training=*/true).model),
      passes_(model_.get(), bound),
      gradient_(*model_),
      optimizer_(*model_) {}

std::vector<double> ProcessReward::Reward(const std::vector<double>& logp, const Rows& rows,
                                          int64_t begin) const {
  const auto& ref = settings_.reference == "policy" ? rows.logp_old : rows.logp_ref;
  RLVR_CHECK(begin + static_cast<int64_t>(logp.size()) <= static_cast<int64_t>(ref.size()))
      << "the reference's log-probs are missing";
  std::vector<double> reward;
  for (size_t i = 0; i < logp.size(); ++i)
    reward.push_back(settings_.beta * (logp[i] - ref[static_cast<size_t>(begin) + i]));
  return reward;
}

std::vector<double> ProcessReward::Rewards(std::span<const Tree* const> trees, const Rows& rows) {
  const auto fields = ScoreTrees(&passes_, trees, kLogpOnly, temperature_, micro_batch_tokens_);
  return Reward(LeafRows(trees, fields[0]), rows, 0);
}

std::vector<MetricTerm> ProcessReward::MiniBatch(std::span<const Tree* const> trees,
                                                 const Rows& rows) {
  RLVR_CHECK(rows.num_groups() == static_cast<int64_t>(trees.size()));
  const auto num_rows = static_cast<double>(rows.num_rows());
  double loss = 0, correct = 0, score_sum = 0, pairs = 0, ordered = 0;
  gradient_.Clear();
  const auto bounds = passes_.MicroBatches(trees, micro_batch_tokens_);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    const auto micro = trees.subspan(begin, end - begin);
    const PackedTrees& packed = passes_.Forward(micro, kTrained, true);
    const auto fields = ScatterToTrees(packed, micro, passes_.Score(temperature_, kLogpOnly)[0]);
    std::vector<SegmentField<double>> slopes;  // dL/dlogp of the micro-batch's trees
    for (size_t g = begin; g < end; ++g) {
      const int64_t first = rows.group_begin[g], last = rows.group_begin[g + 1];
      const auto reward =
          Reward(LeafRows(trees.subspan(g, 1), std::span(fields).subspan(g - begin, 1)), rows,
                 rows.begin[first]);
      std::vector<double> slope, scores;
      for (int64_t s = first; s < last; ++s) {
        double score = 0;
        for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t)
          score += reward[static_cast<size_t>(t - rows.begin[first])];
        const OutcomeLoss l = OutcomeCrossEntropy(score, rows.right(s));
        loss += l.loss;
        correct += (score > 0) == rows.right(s);
        score_sum += score;
        scores.push_back(score);
        slope.insert(slope.end(), static_cast<size_t>(rows.length(s)),
                     settings_.beta * l.slope / num_rows);
      }
      for (int64_t a = first; a < last; ++a) {
        for (int64_t b = first; b < last; ++b) {
          if (!rows.right(a) || rows.right(b)) continue;
          pairs += 1;
          ordered +=
              scores[static_cast<size_t>(a - first)] > scores[static_cast<size_t>(b - first)];
        }
      }
      size_t cursor = 0;
      slopes.push_back(SumOntoTokens(*trees[g], slope, &cursor));
    }
    std::vector<std::vector<float>> coefficients(1);
    for (const Prediction& p : packed.predictions) {
      const auto& field = slopes[static_cast<size_t>(p.tree)];
      coefficients[0].push_back(
          static_cast<float>(field[static_cast<size_t>(p.segment)][static_cast<size_t>(p.offset)]));
    }
    passes_.Backward(temperature_, kLogpOnly, coefficients, &gradient_);
  }
  const AppliedGradient applied = ApplyGradient(settings_.optimizer, total_steps_,
                                                gradient_.Finish(), model_.get(), &optimizer_);
  std::vector<MetricTerm> terms = {{"reward_model/prm_loss", loss, num_rows},
                                   {"reward_model/accuracy", correct, num_rows},
                                   {"reward_model/raw_reward", score_sum, num_rows},
                                   {"reward_model/grad_norm", applied.norm, 1},
                                   {"reward_model/lr", applied.lr, 1}};
  if (pairs > 0) terms.push_back({"reward_model/pair_accuracy", ordered, pairs});
  return terms;
}

}  // namespace rlvr
