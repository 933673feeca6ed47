#include "train/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/value_head.h"

namespace rlvr {
namespace {

// What sampling recorded of a statistic.
SegmentField<float> Recorded(const Tree& tree, Statistic statistic) {
  SegmentField<float> field(tree.segments.size());
  for (size_t s = 0; s < field.size(); ++s) {
    if (tree.segments[s].author != Author::kPolicy) continue;
    field[s] = statistic == Statistic::kLogp ? tree.segments[s].logp : tree.segments[s].entropy;
  }
  return field;
}

// Largest |p - p_recorded| over the batch; a logp that differs in any bit throws.
double CompareWithRecorded(const PackedTrees& packed, std::span<const Tree* const> trees,
                           const std::vector<float>& logp) {
  double diff_max = 0;
  for (size_t i = 0; i < logp.size(); ++i) {
    const Prediction& p = packed.predictions[i];
    const Tree& tree = *trees[static_cast<size_t>(p.tree)];
    const Segment& segment = tree.segments[static_cast<size_t>(p.segment)];
    if (segment.author != Author::kPolicy) continue;  // not sampled by this policy
    const float recorded = segment.logp[static_cast<size_t>(p.offset)];
    diff_max = std::max(diff_max, std::abs(std::exp(double{logp[i]}) - std::exp(double{recorded})));
    if (std::bit_cast<uint32_t>(logp[i]) == std::bit_cast<uint32_t>(recorded)) continue;
    throw Error(
        fmt::format("prompt {}, sample {}, response token {}", tree.prompt_index, segment.sample,
                    p.offset),
        fmt::format("sampling recorded log-prob {} and training computes {}", recorded, logp[i]),
        "they must be the same bits: this is a bug of a kernel; RLVR_ISA=scalar runs the reference "
        "ones");
  }
  return diff_max;
}

}  // namespace

std::vector<int64_t> SplitMicroBatches(std::span<const Tree* const> trees, int64_t max_tokens) {
  std::vector<int64_t> bounds = {0};
  int64_t tokens = 0;
  for (size_t i = 0; i < trees.size(); ++i) {
    const int64_t n = trees[i]->NumTokens();
    if (tokens > 0 && tokens + n > max_tokens) {
      bounds.push_back(static_cast<int64_t>(i));
      tokens = 0;
    }
    tokens += n;
  }
  if (!trees.empty()) bounds.push_back(static_cast<int64_t>(trees.size()));
  return bounds;
}

std::vector<SegmentField<float>> ScatterToTrees(const PackedTrees& packed,
                                                std::span<const Tree* const> trees,
                                                const std::vector<float>& values) {
  std::vector<SegmentField<float>> fields;
  for (const Tree* tree : trees) fields.push_back(MakeSegmentField<float>(*tree));
  for (size_t i = 0; i < values.size(); ++i) {
    const Prediction& p = packed.predictions[i];
    fields[static_cast<size_t>(p.tree)][static_cast<size_t>(p.segment)]
          [static_cast<size_t>(p.offset)] = values[i];
  }
  return fields;
}

TreePasses::TreePasses(const Model* model, bool recompute)
    : model_(model), cache_(model->config(), model->compute()) {
  activations_.recompute = recompute;
}

const PackedTrees& TreePasses::Forward(std::span<const Tree* const> trees, Authors predicted,
                                       bool for_backward) {
  packed_ = PackTrees(trees, predicted, &cache_);
  const int64_t T = packed_.batch.size(), D = model_->config().hidden_size;
  hidden_.Resize(T * D);
  rlvr::Forward(*model_, packed_.batch, cache_, workspace_, for_backward ? &activations_ : nullptr,
                {hidden_.data(), T, D});
  if (second_) second_->Forward(trees, predicted, /*for_backward=*/false);
  return packed_;
}

View<const float> TreePasses::hidden() const {
  return {hidden_.data(), packed_.batch.size(), model_->config().hidden_size};
}

std::vector<std::vector<float>> TreePasses::Score(float temperature,
                                                  std::span<const Statistic> wanted) {
  const auto& predictions = packed_.predictions;
  const int64_t D = model_->config().hidden_size, R = static_cast<int64_t>(predictions.size());
  std::vector<std::vector<float>> values(wanted.size(), std::vector<float>(predictions.size()));
  // HeadForward takes one row per entry: the rows of shared prompts are repeated, a piece at a
  // time.
  constexpr int64_t kPiece = 4096;
  for (int64_t begin = 0; begin < R; begin += kPiece) {
    const int64_t n = std::min(kPiece, R - begin);
    dhidden_.Resize(n * D);
    const int64_t D2 = second_ ? second_->model_->config().hidden_size : 0;
    second_rows_.Resize(n * D2);
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < n; ++i) {
      const Prediction& p = predictions[static_cast<size_t>(begin + i)];
      std::copy_n(hidden_.data() + p.row * D, D, dhidden_.data() + i * D);
      if (second_) std::copy_n(second_->hidden().row(p.row), D2, second_rows_.data() + i * D2);
      targets.push_back(p.target);
    }
    SecondRows second;
    if (second_) second = {second_->model_, {second_rows_.data(), n, D2}};
    std::vector<std::span<float>> out;
    for (auto& v : values)
      out.push_back(std::span(v).subspan(static_cast<size_t>(begin), static_cast<size_t>(n)));
    HeadForward(*model_, {dhidden_.data(), n, D}, targets, temperature, wanted, out, second);
  }
  return values;
}

std::vector<std::vector<float>> TreePasses::Backward(
    float temperature, std::span<const Statistic> wanted,
    const std::vector<std::vector<float>>& coefficients, Gradient* gradient) {
  const int64_t T = packed_.batch.size(), D = model_->config().hidden_size;
  const std::vector<int64_t> rows = PredictionRows();
  std::vector<int32_t> targets;
  for (const Prediction& p : packed_.predictions) targets.push_back(p.target);
  std::vector<std::vector<float>> values(wanted.size(), std::vector<float>(rows.size()));
  const std::vector<std::span<const float>> in(coefficients.begin(), coefficients.end());
  const std::vector<std::span<float>> out(values.begin(), values.end());
  SecondRows second;
  if (second_) second = {second_->model_, second_->hidden()};
  dhidden_.Resize(T * D);
  HeadBackward(*model_, {hidden_.data(), T, D}, rows, targets, temperature, wanted, in,
               packed_.batch.unit_begin, {dhidden_.data(), T, D}, gradient->body(), out,
               gradient->tied(), second);
  rlvr::Backward(*model_, packed_.batch, cache_, workspace_, activations_, {dhidden_.data(), T, D},
                 gradient->body());
  return values;
}

View<const float> TreePasses::Residual(int64_t layer) const {
  const int64_t L = model_->config().num_hidden_layers, D = model_->config().hidden_size;
  RLVR_CHECK(layer >= 0 && layer < L && static_cast<int64_t>(activations_.layers.size()) == L);
  const auto& after = layer + 1 < L ? activations_.layers[static_cast<size_t>(layer) + 1].input
                                    : activations_.output;
  return {after.data(), packed_.batch.size(), D};
}

std::vector<int64_t> TreePasses::PredictionRows() const {
  std::vector<int64_t> rows;
  for (const Prediction& p : packed_.predictions) rows.push_back(p.row);
  return rows;
}

std::vector<float> TreePasses::Values() const {
  return ValueForward(*model_, {hidden_.data(), packed_.batch.size(), model_->config().hidden_size},
                      PredictionRows());
}

void TreePasses::BackwardValues(const std::vector<float>& coefficients, Gradient* gradient) {
  const int64_t T = packed_.batch.size(), D = model_->config().hidden_size;
  dhidden_.Resize(T * D);
  ValueBackward(*model_, {hidden_.data(), T, D}, PredictionRows(), coefficients,
                {dhidden_.data(), T, D}, gradient->body());
  rlvr::Backward(*model_, packed_.batch, cache_, workspace_, activations_, {dhidden_.data(), T, D},
                 gradient->body());
}

Updater::Updater(Model* model, const Objective* objective, const OptimizerSettings& settings,
                 int64_t total_steps, float temperature, int64_t micro_batch_tokens, bool recompute)
    : model_(model),
      objective_(objective),
      settings_(settings),
      total_steps_(total_steps),
      temperature_(temperature),
      micro_batch_tokens_(micro_batch_tokens),
      passes_(model, recompute),
      gradient_(*model) {}

std::vector<std::vector<SegmentField<float>>> ScoreTrees(TreePasses* passes,
                                                         std::span<const Tree* const> trees,
                                                         std::span<const Statistic> wanted,
                                                         float temperature,
                                                         int64_t micro_batch_tokens) {
  std::vector<std::vector<SegmentField<float>>> fields(wanted.size());
  const auto bounds = SplitMicroBatches(trees, micro_batch_tokens);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    const auto micro = trees.subspan(begin, end - begin);
    const PackedTrees& packed = passes->Forward(micro, kTrained, false);
    const auto values = passes->Score(temperature, wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (auto& field : ScatterToTrees(packed, micro, values[i]))
        fields[i].push_back(std::move(field));
    }
  }
  return fields;
}

UpdateResult Updater::MiniBatch(std::span<const Tree* const> trees, const Rows& rows,
                                bool on_policy, RandomKey key, Optimizer* optimizer,
                                const GradientTerm& more) {
  UpdateResult result;
  RLVR_CHECK(rows.num_groups() == static_cast<int64_t>(trees.size()));
  const auto bounds = SplitMicroBatches(trees, micro_batch_tokens_);
  const auto& wanted = objective_->needs().statistics;
  const bool compares = std::any_of(wanted.begin(), wanted.end(), ReadsSecondModel);
  RLVR_CHECK(!compares || reference_) << "an objective that compares models, and no reference";
  passes_.SetSecond(compares ? reference_ : nullptr);
  // What sampling recorded are the bits that training would compute: no pass is needed to have
  // them.
  const bool recorded =
      on_policy &&
      std::all_of(
          wanted.begin(), wanted.end(),
          [](const Statistic& s) { return s == Statistic::kLogp || s == Statistic::kEntropy; }) &&
      std::none_of(rows.foreign.begin(), rows.foreign.end(), [](char f) { return f != 0; });
  std::vector<std::vector<SegmentField<float>>> statistics(wanted.size());     // [wanted][trees]
  std::vector<std::vector<SegmentField<double>>> coefficients(wanted.size());  // likewise
  for (auto& c : coefficients) c.resize(trees.size());
  const auto part = [&](size_t m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    return std::pair(begin, end);
  };
  const auto score = [&](size_t m) {  // after Forward of micro-batch m
    const auto [begin, end] = part(m);
    const auto values = passes_.Score(temperature_, wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (auto& field :
           ScatterToTrees(passes_.packed(), trees.subspan(begin, end - begin), values[i]))
        statistics[i].push_back(std::move(field));
    }
  };
  const Totals totals = CountTotals(rows);
  if (totals.tokens == 0 && !more) return result;
  const auto evaluate = [&](size_t begin, size_t end) {
    std::vector<std::vector<double>> values;
    for (const auto& fields : statistics) {
      values.push_back(LeafRows(trees.subspan(begin, end - begin),
                                std::span(fields).subspan(begin, end - begin)));
    }
    const bool whole = begin == 0 && end == trees.size();
    const ObjectiveResult r = whole ? objective_->Evaluate(rows, totals, values, key)
                                    : objective_->Evaluate(Part(rows, static_cast<int64_t>(begin),
                                                                static_cast<int64_t>(end)),
                                                           totals, values, key);
    result.objective += r.objective;
    AddTerms(r.metrics, &result.terms);
    for (size_t i = 0; i < wanted.size(); ++i) {
      size_t cursor = 0;
      for (size_t g = begin; g < end; ++g)
        coefficients[i][g] = SumOntoTokens(*trees[g], r.coefficients[i], &cursor);
    }
  };

  if (totals.tokens == 0) {  // only the further term has a gradient
    gradient_.Clear();
    more(&passes_, &gradient_);
    result.gradient = ApplyGradient(settings_, total_steps_, gradient_.Finish(), model_, optimizer);
    result.applied = true;
    return result;
  }
  if (recorded) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const Tree* tree : trees) statistics[i].push_back(Recorded(*tree, wanted[i]));
    }
  }
  if (!objective_
           ->separable()) {  // its scope is the mini-batch: all statistics before any coefficient
    for (size_t m = 0; !recorded && m + 1 < bounds.size(); ++m) {
      const auto [begin, end] = part(m);
      passes_.Forward(trees.subspan(begin, end - begin), kTrained, false);
      score(m);
    }
    evaluate(0, trees.size());
  }

  gradient_.Clear();
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto [begin, end] = part(m);
    const auto micro = trees.subspan(begin, end - begin);
    const PackedTrees& packed = passes_.Forward(micro, kTrained, true);
    if (objective_->separable()) {
      if (!recorded) score(m);
      // Group by group, so that sums over groups do not depend on the micro-batches' borders.
      for (size_t g = begin; g < end; ++g) evaluate(g, g + 1);
    }
    std::vector<std::vector<float>> loss_coefficients(wanted.size());  // minus: the loss is -J
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const Prediction& p : packed.predictions) {
        const auto& field = coefficients[i][begin + static_cast<size_t>(p.tree)];
        loss_coefficients[i].push_back(static_cast<float>(
            -field[static_cast<size_t>(p.segment)][static_cast<size_t>(p.offset)]));
      }
    }
    const auto values = passes_.Backward(temperature_, wanted, loss_coefficients, &gradient_);
    if (on_policy) {
      result.probs_diff_max =
          std::max(result.probs_diff_max, CompareWithRecorded(packed, micro, values[0]));
    }
    result.trained_tokens += packed.batch.size();
  }
  passes_.SetSecond(nullptr);
  if (more) more(&passes_, &gradient_);
  result.applied = true;
  result.gradient = ApplyGradient(settings_, total_steps_, gradient_.Finish(), model_, optimizer);
  return result;
}

double Value(const MetricTerm& term) {
  return term.weight == 0 ? term.sum : term.sum / term.weight;
}

void AddTerms(const std::vector<MetricTerm>& from, std::vector<MetricTerm>* to) {
  for (const MetricTerm& term : from) {
    auto it = std::find_if(to->begin(), to->end(),
                           [&](const MetricTerm& t) { return t.name == term.name; });
    if (it == to->end()) {
      to->push_back(term);
    } else if (term.is_max) {
      if (Value(term) > Value(*it)) *it = term;
    } else {
      it->sum += term.sum;
      it->weight += term.weight;
    }
  }
}

Metrics MetricsOf(const std::vector<MetricTerm>& terms) {
  Metrics metrics;
  for (const MetricTerm& term : terms) metrics[term.name] = Value(term);
  return metrics;
}

}  // namespace rlvr
