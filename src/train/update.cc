#include "train/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace rlvr {
namespace {

// One value per token of every segment of one tree: [segments][n].
template <class T>
using SegmentField = std::vector<std::vector<T>>;

template <class T>
SegmentField<T> MakeSegmentField(const Tree& tree) {
  SegmentField<T> field(tree.segments.size());
  for (size_t s = 0; s < field.size(); ++s) field[s].resize(tree.segments[s].tokens.size());
  return field;
}

// What sampling recorded of a statistic.
SegmentField<float> Recorded(const Tree& tree, Statistic statistic) {
  SegmentField<float> field(tree.segments.size());
  for (size_t s = 0; s < field.size(); ++s) {
    if (tree.segments[s].author != Author::kPolicy) continue;
    field[s] = statistic == Statistic::kLogp ? tree.segments[s].logp : tree.segments[s].entropy;
  }
  return field;
}

// [predictions] of a packed batch -> the fields of its trees.
std::vector<SegmentField<float>> Scatter(const PackedTrees& packed,
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

// Calls body(leaf index, segment, offset) for every policy token of every trajectory, in the order
// of an ObjectiveBatch's tokens.
template <class Body>
void ForEachLeafToken(const Tree& tree, Body body) {
  for (size_t l = 0; l < tree.leaves.size(); ++l) {
    for (const int32_t s : tree.Path(tree.leaves[l].segment)) {
      const Segment& segment = tree.segments[static_cast<size_t>(s)];
      if (segment.author != Author::kPolicy) continue;
      for (size_t t = 0; t < segment.tokens.size(); ++t) body(l, static_cast<size_t>(s), t);
    }
  }
}

// Rows of (leaf, position): a token that several leaves share appears in each of them.
ObjectiveBatch MakeBatch(std::span<const TrainingGroup> groups) {
  ObjectiveBatch batch;
  batch.sequence_begin.push_back(0);
  for (size_t g = 0; g < groups.size(); ++g) {
    const TrainingGroup& group = groups[g];
    const Tree& tree = *group.tree;
    RLVR_CHECK(group.advantage.size() == tree.leaves.size() &&
               group.in_loss.size() == tree.leaves.size())
        << tree.leaves.size();
    std::vector<int64_t> length(tree.leaves.size(), 0);
    ForEachLeafToken(tree, [&](size_t leaf, size_t segment, size_t offset) {
      ++length[leaf];
      batch.adv.push_back(group.advantage[leaf]);
      batch.logp_old.push_back(tree.segments[segment].logp[offset]);
      batch.mask.push_back(group.in_loss[leaf] ? 1 : 0);
      if (!group.logp_ref.empty()) batch.logp_ref.push_back(group.logp_ref[segment][offset]);
    });
    for (size_t leaf = 0; leaf < length.size(); ++leaf) {
      batch.sequence_begin.push_back(batch.sequence_begin.back() + length[leaf]);
      batch.group.push_back(static_cast<int32_t>(g));
      if (group.in_loss[leaf] && length[leaf] > 0) {
        batch.total_tokens += static_cast<double>(length[leaf]);
        batch.total_sequences += 1;
      }
    }
  }
  return batch;
}

struct GroupStatistics {
  std::vector<SegmentField<float>> values;  // [wanted]
};

// [wanted][T] in the order of an ObjectiveBatch's tokens.
std::vector<std::vector<double>> LeafRows(std::span<const TrainingGroup> groups,
                                          std::span<const GroupStatistics> statistics) {
  std::vector<std::vector<double>> rows(statistics.front().values.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto& field = statistics[g].values[i];
      ForEachLeafToken(*groups[g].tree, [&](size_t, size_t segment, size_t offset) {
        rows[i].push_back(field[segment][offset]);
      });
    }
  }
  return rows;
}

struct GroupCoefficients {
  std::vector<SegmentField<double>> values;  // [wanted]
};

// Coefficients on (leaf, position) are summed onto the tokens that leaves share. `cursor`: the
// group's first token in the evaluated batch; moves past it.
GroupCoefficients SumOntoTokens(const Tree& tree, const ObjectiveResult& result, size_t* cursor) {
  GroupCoefficients out;
  size_t end = *cursor;
  for (const auto& coefficients : result.coefficients) {
    SegmentField<double> field = MakeSegmentField<double>(tree);
    end = *cursor;
    ForEachLeafToken(tree, [&](size_t, size_t segment, size_t offset) {
      field[segment][offset] += coefficients[end++];
    });
    out.values.push_back(std::move(field));
  }
  *cursor = end;
  return out;
}

// Largest |p - p_recorded| over the batch; a logp that differs in any bit throws.
double CompareWithRecorded(const PackedTrees& packed, std::span<const Tree* const> trees,
                           const std::vector<float>& logp) {
  double diff_max = 0;
  for (size_t i = 0; i < logp.size(); ++i) {
    const Prediction& p = packed.predictions[i];
    const Tree& tree = *trees[static_cast<size_t>(p.tree)];
    const Segment& segment = tree.segments[static_cast<size_t>(p.segment)];
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

std::vector<const Tree*> TreesOf(std::span<const TrainingGroup> groups) {
  std::vector<const Tree*> trees;
  for (const auto& group : groups) trees.push_back(group.tree);
  return trees;
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

TreePasses::TreePasses(const Model* model, bool recompute)
    : model_(model), cache_(model->config(), model->compute()) {
  activations_.recompute = recompute;
}

const PackedTrees& TreePasses::Forward(std::span<const Tree* const> trees, Author predicted,
                                       bool for_backward) {
  packed_ = PackTrees(trees, predicted, &cache_);
  const int64_t T = packed_.batch.size(), D = model_->config().hidden_size;
  hidden_.Resize(T * D);
  rlvr::Forward(*model_, packed_.batch, cache_, workspace_, for_backward ? &activations_ : nullptr,
                {hidden_.data(), T, D});
  return packed_;
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
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < n; ++i) {
      const Prediction& p = predictions[static_cast<size_t>(begin + i)];
      std::copy_n(hidden_.data() + p.row * D, D, dhidden_.data() + i * D);
      targets.push_back(p.target);
    }
    std::vector<std::span<float>> out;
    for (auto& v : values)
      out.push_back(std::span(v).subspan(static_cast<size_t>(begin), static_cast<size_t>(n)));
    HeadForward(*model_, {dhidden_.data(), n, D}, targets, temperature, wanted, out);
  }
  return values;
}

std::vector<std::vector<float>> TreePasses::Backward(
    float temperature, std::span<const Statistic> wanted,
    const std::vector<std::vector<float>>& coefficients, Gradient* gradient) {
  const int64_t T = packed_.batch.size(), D = model_->config().hidden_size;
  std::vector<int64_t> rows;
  std::vector<int32_t> targets;
  for (const Prediction& p : packed_.predictions) {
    rows.push_back(p.row);
    targets.push_back(p.target);
  }
  std::vector<std::vector<float>> values(wanted.size(), std::vector<float>(rows.size()));
  const std::vector<std::span<const float>> in(coefficients.begin(), coefficients.end());
  const std::vector<std::span<float>> out(values.begin(), values.end());
  dhidden_.Resize(T * D);
  HeadBackward(*model_, {hidden_.data(), T, D}, rows, targets, temperature, wanted, in,
               packed_.batch.unit_begin, {dhidden_.data(), T, D}, gradient->body(), out,
               gradient->tied());
  rlvr::Backward(*model_, packed_.batch, cache_, workspace_, activations_, {dhidden_.data(), T, D},
                 gradient->body());
  return values;
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

void Updater::ScoreReference(TreePasses* reference, std::span<TrainingGroup> groups) {
  const auto trees = TreesOf(groups);
  const auto bounds = SplitMicroBatches(trees, micro_batch_tokens_);
  constexpr Statistic kWanted[] = {Statistic::kLogp};
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    const auto micro = std::span(trees).subspan(begin, end - begin);
    const PackedTrees& packed = reference->Forward(micro, Author::kPolicy, false);
    auto fields = Scatter(packed, micro, reference->Score(temperature_, kWanted)[0]);
    for (size_t i = begin; i < end; ++i) groups[i].logp_ref = std::move(fields[i - begin]);
  }
}

UpdateResult Updater::MiniBatch(std::span<const TrainingGroup> groups, bool on_policy,
                                Optimizer* optimizer) {
  UpdateResult result;
  const auto trees = TreesOf(groups);
  const auto bounds = SplitMicroBatches(trees, micro_batch_tokens_);
  const auto& wanted = objective_->wanted();
  // What sampling recorded are the bits that training would compute: no pass is needed to have
  // them.
  const bool recorded = on_policy && std::all_of(wanted.begin(), wanted.end(), [](Statistic s) {
                          return s == Statistic::kLogp || s == Statistic::kEntropy;
                        });
  std::vector<GroupStatistics> statistics(groups.size());
  std::vector<GroupCoefficients> coefficients(groups.size());
  const auto micro_groups = [&](size_t m) {
    return std::pair(static_cast<size_t>(bounds[m]), static_cast<size_t>(bounds[m + 1]));
  };
  const auto score = [&](size_t m) {  // after Forward of micro-batch m
    const auto [begin, end] = micro_groups(m);
    const auto values = passes_.Score(temperature_, wanted);
    for (const auto& v : values) {
      auto fields = Scatter(passes_.packed(), std::span(trees).subspan(begin, end - begin), v);
      for (size_t g = begin; g < end; ++g)
        statistics[g].values.push_back(std::move(fields[g - begin]));
    }
  };
  const ObjectiveBatch whole = MakeBatch(groups);
  if (whole.total_tokens == 0) {
    throw Error(fmt::format("optimizer step {}", optimizer->step + 1),
                "no token of the mini-batch is in the loss: every response was cut off and masked",
                "raise rollout.max_tokens, or choose another reward.overlong than filter");
  }
  const auto evaluate = [&](size_t begin, size_t end) {
    const auto part = groups.subspan(begin, end - begin);
    ObjectiveBatch batch = MakeBatch(part);
    batch.total_tokens = whole.total_tokens;
    batch.total_sequences = whole.total_sequences;
    const ObjectiveResult r = objective_->Evaluate(
        batch, LeafRows(part, std::span(statistics).subspan(begin, end - begin)));
    result.objective += r.objective;
    AddTerms(r.metrics, &result.terms);
    size_t cursor = 0;
    for (size_t g = begin; g < end; ++g)
      coefficients[g] = SumOntoTokens(*groups[g].tree, r, &cursor);
  };

  if (recorded) {
    for (size_t g = 0; g < groups.size(); ++g) {
      for (const Statistic s : wanted) statistics[g].values.push_back(Recorded(*trees[g], s));
    }
  }
  if (!objective_
           ->separable()) {  // its scope is the mini-batch: all statistics before any coefficient
    for (size_t m = 0; !recorded && m + 1 < bounds.size(); ++m) {
      const auto [begin, end] = micro_groups(m);
      passes_.Forward(std::span(trees).subspan(begin, end - begin), Author::kPolicy, false);
      score(m);
    }
    evaluate(0, groups.size());
  }

  gradient_.Clear();
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto [begin, end] = micro_groups(m);
    const auto micro = std::span(trees).subspan(begin, end - begin);
    const PackedTrees& packed = passes_.Forward(micro, Author::kPolicy, true);
    if (objective_->separable()) {
      if (!recorded) score(m);
      // Group by group, so that sums over groups do not depend on the micro-batches' borders.
      for (size_t g = begin; g < end; ++g) evaluate(g, g + 1);
    }
    std::vector<std::vector<float>> loss_coefficients(wanted.size());  // minus: the loss is -J
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const Prediction& p : packed.predictions) {
        const auto& field = coefficients[begin + static_cast<size_t>(p.tree)].values[i];
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
  result.applied = ApplyGradient(settings_, total_steps_, gradient_.Finish(), model_, optimizer);
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

Metrics Finish(const std::vector<MetricTerm>& terms) {
  Metrics metrics;
  for (const MetricTerm& term : terms) metrics[term.name] = Value(term);
  return metrics;
}

}  // namespace rlvr
