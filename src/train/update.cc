#include "train/update.h"

#include <algorithm>

#include "model/value_head.h"
#include "parallel/bytes.h"
#include "parallel/deal.h"
#include "train/activation_memory.h"

namespace rlvr {

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

TreePasses::TreePasses(const Model* model, const ActivationBound& bound)
    : model_(model),
      bound_(bound),
      most_tokens_(MostTokens(model->config(), bound)),
      cache_(model->config(), model->compute()) {
  workspace_.own_matrices = 2;
}

std::vector<int64_t> TreePasses::MicroBatches(std::span<const Tree* const> trees,
                                              int64_t max_tokens) const {
  for (const Tree* tree : trees) {
    if (tree->NumTokens() > most_tokens_)
      CheckFits(model_->config(), bound_, tree->NumTokens(), "a tree");
  }
  return SplitMicroBatches(trees, std::min(max_tokens, most_tokens_));
}

const PackedTrees& TreePasses::Forward(std::span<const Tree* const> trees, Authors predicted,
                                       bool for_backward) {
  packed_ = PackTrees(trees, predicted, &cache_);
  const ModelConfig& config = model_->config();
  const int64_t T = packed_.batch.size();
  if (for_backward) {
    activations_.kept_layers = KeptLayers(config, bound_, T);
    if (activations_.kept_layers == 0) CheckFits(config, bound_, T, "a micro-batch");
  }
  rlvr::Forward(*model_, packed_.batch, cache_, workspace_, for_backward ? &activations_ : nullptr,
                {});
  most_bytes_ =
      std::max(most_bytes_, for_backward ? ActivationBytes(config, T, activations_.kept_layers)
                                         : ForwardBytes(config, T));
  if (second_) second_->Forward(trees, predicted, /*for_backward=*/false);
  return packed_;
}

View<float> TreePasses::hidden() {
  return workspace_.Own(0, packed_.batch.size(), model_->config().hidden_size);
}
View<float> TreePasses::scratch() {
  return workspace_.Own(1, packed_.batch.size(), model_->config().hidden_size);
}

std::vector<std::vector<float>> TreePasses::Score(float temperature,
                                                  std::span<const Statistic> wanted) {
  const auto& predictions = packed_.predictions;
  const int64_t D = model_->config().hidden_size, R = static_cast<int64_t>(predictions.size());
  std::vector<std::vector<float>> values(wanted.size(), std::vector<float>(predictions.size()));
  // HeadForward takes one row per entry: the rows of shared prompts are repeated, a piece at a
  // time. A prediction's token is one of the pass's, so that there are no more of them.
  constexpr int64_t kPiece = 4096;
  RLVR_CHECK(R <= packed_.batch.size());
  if (R == 0) return values;
  const View<const float> all = hidden();
  for (int64_t begin = 0; begin < R; begin += kPiece) {
    const int64_t n = std::min(kPiece, R - begin);
    const View<float> rows = scratch().Rows(0, n);
    const int64_t D2 = second_ ? second_->model_->config().hidden_size : 0;
    second_rows_.Resize(n * D2);
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < n; ++i) {
      const Prediction& p = predictions[static_cast<size_t>(begin + i)];
      std::copy_n(all.row(p.row), D, rows.row(i));
      if (second_) std::copy_n(second_->hidden().row(p.row), D2, second_rows_.data() + i * D2);
      targets.push_back(p.target);
    }
    SecondRows second;
    if (second_) second = {second_->model_, {second_rows_.data(), n, D2}};
    std::vector<std::span<float>> out;
    for (auto& v : values)
      out.push_back(std::span(v).subspan(static_cast<size_t>(begin), static_cast<size_t>(n)));
    HeadForward(*model_, rows, targets, temperature, wanted, out, second);
  }
  return values;
}

std::vector<std::vector<float>> TreePasses::Backward(
    float temperature, std::span<const Statistic> wanted,
    const std::vector<std::vector<float>>& coefficients, Gradient* gradient) {
  const std::vector<int64_t> rows = PredictionRows();
  std::vector<int32_t> targets;
  for (const Prediction& p : packed_.predictions) targets.push_back(p.target);
  std::vector<std::vector<float>> values(wanted.size(), std::vector<float>(rows.size()));
  const std::vector<std::span<const float>> in(coefficients.begin(), coefficients.end());
  const std::vector<std::span<float>> out(values.begin(), values.end());
  SecondRows second;
  if (second_) second = {second_->model_, second_->hidden()};
  HeadBackward(*model_, hidden(), rows, targets, temperature, wanted, in, packed_.batch.unit_begin,
               scratch(), gradient->body(), out, gradient->tied(), second);
  rlvr::Backward(*model_, packed_.batch, cache_, workspace_, activations_, scratch(),
                 gradient->body());
  return values;
}

View<const float> TreePasses::Residual(int64_t layer) const {
  const int64_t L = model_->config().num_hidden_layers;
  RLVR_CHECK(layer >= 0 && layer < L && workspace_.holds == &activations_);
  return layer + 1 < L ? activations_.input[static_cast<size_t>(layer) + 1] : activations_.output;
}

std::vector<int64_t> TreePasses::PredictionRows() const {
  std::vector<int64_t> rows;
  for (const Prediction& p : packed_.predictions) rows.push_back(p.row);
  return rows;
}

std::vector<float> TreePasses::Values() {
  return ValueForward(*model_, hidden(), PredictionRows());
}

void TreePasses::BackwardValues(const std::vector<float>& coefficients, Gradient* gradient) {
  ValueBackward(*model_, hidden(), PredictionRows(), coefficients, scratch(), gradient->body());
  rlvr::Backward(*model_, packed_.batch, cache_, workspace_, activations_, scratch(),
                 gradient->body());
}

namespace {

using TreeFields = std::vector<SegmentField<float>>;  // [trees]

std::vector<TreeFields> ScoreHere(TreePasses* passes, std::span<const Tree* const> trees,
                                  std::span<const Statistic> wanted, float temperature,
                                  int64_t micro_batch_tokens) {
  std::vector<TreeFields> fields(wanted.size());
  const auto bounds = passes->MicroBatches(trees, micro_batch_tokens);
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

}  // namespace

std::vector<std::vector<SegmentField<float>>> ScoreTrees(
    TreePasses* passes, std::span<const Tree* const> trees, std::span<const Statistic> wanted,
    float temperature, int64_t micro_batch_tokens, Communicator* ranks) {
  if (ranks->alone()) return ScoreHere(passes, trees, wanted, temperature, micro_batch_tokens);
  const auto share = [&](const std::vector<int64_t>& items, std::string*) {
    std::vector<const Tree*> own;
    for (const int64_t i : items) own.push_back(trees[static_cast<size_t>(i)]);
    const auto fields = ScoreHere(passes, own, wanted, temperature, micro_batch_tokens);
    std::vector<std::string> bytes;
    for (size_t g = 0; g < own.size(); ++g) {
      ByteWriter out;
      for (const TreeFields& field : fields) {
        for (const std::vector<float>& segment : field[g]) out.Put(segment);
      }
      bytes.push_back(out.Take());
    }
    return bytes;
  };
  const DealtResults dealt = ShareDealt(*ranks, static_cast<int64_t>(trees.size()), share);
  std::vector<TreeFields> fields(wanted.size(), TreeFields(trees.size()));
  for (size_t g = 0; g < trees.size(); ++g) {
    ByteReader in(dealt.items[g]);
    for (TreeFields& field : fields) {
      for (size_t s = 0; s < trees[g]->segments.size(); ++s)
        field[g].push_back(in.GetVector<float>());
    }
  }
  return fields;
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
