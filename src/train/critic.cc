#include "train/critic.h"

#include <algorithm>

#include "eval/policy.h"
#include "model/hf_folder.h"

namespace rlvr {
namespace {

std::unique_ptr<Model> LoadCritic(const std::string& folder, ComputeType compute) {
  ModelConfig config = LoadConfig(folder);
  config.value_head = true;
  auto model = std::make_unique<Model>(config, compute);
  LoadWeights(folder, model.get());
  model->WeightsChanged(/*for_training=*/true);
  return model;
}

}  // namespace

ValueLoss ClippedValueLoss(double value, double value_old, double target, double cliprange) {
  const double clipped = std::clamp(value, value_old - cliprange, value_old + cliprange);
  const double plain = (value - target) * (value - target);
  const double bounded = (clipped - target) * (clipped - target);
  if (bounded > plain) return {0.5 * bounded, 0, true};  // the clip stands: no gradient
  return {0.5 * plain, value - target, false};
}

double ExplainedVariance(const Rows& rows) {
  double n = 0, mean_target = 0, mean_error = 0;
  for (size_t t = 0; t < rows.mask.size(); ++t) {
    if (rows.mask[t] == 0) continue;
    n += 1;
    mean_target += rows.value_target[t];
    mean_error += rows.value_target[t] - rows.value[t];
  }
  if (n == 0) return 0;
  mean_target /= n;
  mean_error /= n;
  double of_target = 0, of_error = 0;
  for (size_t t = 0; t < rows.mask.size(); ++t) {
    if (rows.mask[t] == 0) continue;
    const double target = rows.value_target[t] - mean_target;
    const double error = rows.value_target[t] - rows.value[t] - mean_error;
    of_target += target * target;
    of_error += error * error;
  }
  return of_target == 0 ? 0 : 1 - of_error / of_target;
}

Critic::Critic(const std::string& folder, ComputeType compute, const CriticSettings& settings,
               int64_t total_steps, int64_t micro_batch_tokens, const ActivationBound& bound)
    : folder_(FindModelFolder(folder)),
      settings_(settings),
      total_steps_(total_steps),
      micro_batch_tokens_(micro_batch_tokens),
      model_(LoadCritic(folder_, compute)),
      passes_(model_.get(), bound),
      gradient_(*model_),
      optimizer_(*model_) {}

std::vector<double> Critic::Values(std::span<const Tree* const> trees) {
  std::vector<SegmentField<float>> fields;
  const auto bounds = passes_.MicroBatches(trees, micro_batch_tokens_);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto micro = trees.subspan(static_cast<size_t>(bounds[m]),
                                     static_cast<size_t>(bounds[m + 1] - bounds[m]));
    const PackedTrees& packed = passes_.Forward(micro, kTrained, false);
    for (auto& field : ScatterToTrees(packed, micro, passes_.Values()))
      fields.push_back(std::move(field));
  }
  return LeafRows(trees, fields);
}

std::vector<MetricTerm> Critic::MiniBatch(std::span<const Tree* const> trees, const Rows& rows) {
  RLVR_CHECK(rows.num_groups() == static_cast<int64_t>(trees.size()));
  const double tokens = CountTotals(rows).tokens;
  double loss = 0, clipped = 0, predicted = 0;
  gradient_.Clear();
  const auto bounds = passes_.MicroBatches(trees, micro_batch_tokens_);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    const auto micro = trees.subspan(begin, end - begin);
    const PackedTrees& packed = passes_.Forward(micro, kTrained, true);
    const auto fields = ScatterToTrees(packed, micro, passes_.Values());
    std::vector<SegmentField<double>> slopes;
    for (size_t g = begin; g < end; ++g) {
      const auto first = static_cast<size_t>(rows.begin[rows.group_begin[g]]);
      const auto values = LeafRows(trees.subspan(g, 1), std::span(fields).subspan(g - begin, 1));
      std::vector<double> slope;
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t t = first + i;
        const ValueLoss l = ClippedValueLoss(values[i], rows.value[t], rows.value_target[t],
                                             settings_.cliprange_value);
        loss += rows.mask[t] * l.loss;
        clipped += rows.mask[t] * l.clipped;
        predicted += rows.mask[t] * values[i];
        slope.push_back(rows.mask[t] * l.slope / tokens);
      }
      size_t cursor = 0;
      slopes.push_back(SumOntoTokens(*trees[g], slope, &cursor));
    }
    std::vector<float> coefficients;
    for (const Prediction& p : packed.predictions) {
      const auto& field = slopes[static_cast<size_t>(p.tree)];
      coefficients.push_back(
          static_cast<float>(field[static_cast<size_t>(p.segment)][static_cast<size_t>(p.offset)]));
    }
    passes_.BackwardValues(coefficients, &gradient_);
  }
  const AppliedGradient applied = ApplyGradient(settings_.optimizer, total_steps_,
                                                gradient_.Finish(), model_.get(), &optimizer_);
  return {{"critic/vf_loss", loss, tokens},
          {"critic/vf_clipfrac", clipped, tokens},
          {"critic/vpred_mean", predicted, tokens},
          {"critic/grad_norm", applied.norm, 1},
          {"critic/lr", applied.lr, 1}};
}

}  // namespace rlvr
