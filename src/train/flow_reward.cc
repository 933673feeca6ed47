#include "train/flow_reward.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "base/error.h"
#include "base/thread_pool.h"

namespace rlvr {
namespace {

constexpr int64_t kPieceRows = 2048;

// Of the packed rows of one tree: each leaf token's own, and that of the token before it on the
// path (-1: none).
struct LeafTokens {
  std::vector<int64_t> row, before;
};

std::vector<LeafTokens> FindRows(const Tree& tree, int64_t first_row) {
  std::vector<int64_t> begin(tree.segments.size()), before(tree.segments.size());
  int64_t row = first_row;
  for (size_t s = 0; s < tree.segments.size(); ++s) {
    begin[s] = row;
    row += static_cast<int64_t>(tree.segments[s].tokens.size());
    const int32_t parent = tree.segments[s].parent;
    if (parent < 0) {
      before[s] = -1;
    } else {
      const auto p = static_cast<size_t>(parent);
      const auto n = static_cast<int64_t>(tree.segments[p].tokens.size());
      before[s] = n > 0 ? begin[p] + n - 1 : before[p];
    }
  }
  std::vector<LeafTokens> leaves(tree.leaves.size());
  ForEachLeafToken(tree, [&](size_t leaf, size_t segment, size_t offset) {
    const int64_t own = begin[segment] + static_cast<int64_t>(offset);
    leaves[leaf].row.push_back(own);
    leaves[leaf].before.push_back(offset > 0 ? own - 1 : before[segment]);
  });
  return leaves;
}

}  // namespace

std::vector<int64_t> FlowLayers(const std::string& place, const FlowRewardSettings& settings,
                                int64_t num_layers) {
  std::vector<std::string> shares = settings.layers;
  if (shares.empty()) shares = {"0.25", "0.5", "0.75"};
  std::vector<int64_t> layers;
  for (const std::string& share : shares) {
    char* end = nullptr;
    const double x = std::strtod(share.c_str(), &end);
    if (share.empty() || *end != '\0' || !(x >= 0 && x <= 1)) {
      throw Error(place, "layers has '" + share + "', no number from 0 to 1",
                  "give shares of the depth: [0.25, 0.5, 0.75]");
    }
    layers.push_back(std::min<int64_t>(std::llrint(x * static_cast<double>(num_layers)),
                                       num_layers - 1));  // half: to even
  }
  return layers;
}

void ShapeFlowScores(const FlowRewardSettings& settings, std::span<double> score) {
  if (score.empty()) return;
  const auto [least, most] = std::minmax_element(score.begin(), score.end());
  const double low = *least, range = *most - *least;
  const bool bilateral = settings.norm == "bilateral";
  for (double& s : score) {
    if (!(range > 0)) {
      s = 0;
      continue;
    }
    s = (s - low) / range;
    if (bilateral) s = 2 * s - 1;
    if (settings.gamma != 1) s = std::copysign(std::pow(std::abs(s), settings.gamma), s);
    if (settings.threshold > 0 && !((bilateral ? std::abs(s) : s) > settings.threshold)) s = 0;
  }
  const int64_t left = std::count_if(score.begin(), score.end(), [](double s) { return s != 0; });
  if (settings.top_k == 0 || left < settings.top_k) return;
  std::vector<size_t> order(score.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<char> keep(score.size(), 0);
  const auto top = [&](int64_t n, double sign) {
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return sign * score[a] > sign * score[b]; });
    for (int64_t i = 0; i < n; ++i) keep[order[static_cast<size_t>(i)]] = 1;
    std::sort(order.begin(), order.end());
  };
  if (bilateral) {
    top(settings.top_k / 2, 1);
    top(settings.top_k / 2, -1);
  } else {
    top(settings.top_k, 1);
  }
  for (size_t i = 0; i < score.size(); ++i) {
    if (!keep[i]) score[i] = 0;
  }
}

struct FlowReward::Unit {
  std::vector<int64_t> token, before;  // packed rows, as in LeafTokens
  size_t row = 0;                      // of Rows
  size_t layer = 0;
  RandomKey key{0};
};

struct FlowReward::Piece {
  FlowInputs in;
  View<const float> velocity;  // [N, D] u
  std::vector<Unit> units;
  std::vector<int64_t> unit_begin;
};

FlowReward::FlowReward(const ModelConfig& config, const FlowRewardSettings& settings,
                       int64_t total_steps, RandomKey key, int64_t micro_batch_tokens)
    : settings_(settings),
      num_layers_(config.num_hidden_layers),
      total_steps_(total_steps),
      micro_batch_tokens_(micro_batch_tokens),
      layers_(FlowLayers("flow_reward", settings, config.num_hidden_layers)),
      field_({.dim = config.hidden_size,
              .width = settings.width > 0 ? settings.width : config.hidden_size,
              .blocks = settings.blocks,
              .eps = config.rms_norm_eps},
             key),
      gradient_(field_.MakeGradient()) {}

// The order of units is that of rows, then layers. Rows of weight 0 are left out.
void FlowReward::ForEachPiece(TreePasses* passes, std::span<const Tree* const> trees,
                              const Rows& rows, RandomKey key, const std::vector<double>& weight,
                              bool training, const std::function<void(const Piece&)>& body) {
  RLVR_CHECK(rows.num_groups() == static_cast<int64_t>(trees.size()));
  const int64_t D = field_.shape().dim;
  Piece piece;
  std::vector<double> time, layer;
  const auto flush = [&] {
    piece.unit_begin = {0};
    for (const Unit& u : piece.units)
      piece.unit_begin.push_back(piece.unit_begin.back() + static_cast<int64_t>(u.token.size()));
    const int64_t N = piece.unit_begin.back();
    if (N == 0) return piece.units.clear();
    for (AlignedBuffer<float>* buffer : {&x_, &condition_, &velocity_}) buffer->Resize(N * D);
    time.resize(static_cast<size_t>(N));
    layer.resize(static_cast<size_t>(N));
    ParallelFor(N, 8, [&](int64_t begin, int64_t end) {
      std::vector<float> noise(static_cast<size_t>(D));
      for (int64_t n = begin; n < end; ++n) {
        const auto after =
            std::upper_bound(piece.unit_begin.begin(), piece.unit_begin.end(), n) - 1;
        const Unit& unit = piece.units[static_cast<size_t>(after - piece.unit_begin.begin())];
        const auto i = static_cast<size_t>(n - *after);
        const RandomKey token = unit.key[i];
        double t = settings_.time;
        if (training && settings_.train_time == "logit_normal")
          t = 1 / (1 + std::exp(-Random(token[1]).Normal()));
        FillNormal(token[0], noise);
        const View<const float> states = passes->Residual(layers_[unit.layer]);
        const float* target = states.row(unit.token[i]);
        const int64_t before = unit.before[i];
        const auto share = static_cast<float>(t), rest = static_cast<float>(1 - t);
        for (int64_t d = 0; d < D; ++d) {
          x_[n * D + d] = share * target[d] + rest * noise[static_cast<size_t>(d)];
          velocity_[n * D + d] = target[d] - noise[static_cast<size_t>(d)];
          condition_[n * D + d] = before < 0 ? 0 : states(before, d);
        }
        time[static_cast<size_t>(n)] = t;
        layer[static_cast<size_t>(n)] =
            static_cast<double>(layers_[unit.layer]) / static_cast<double>(num_layers_);
      }
    });
    piece.in = {{x_.data(), N, D}, {condition_.data(), N, D}, time, layer};
    piece.velocity = {velocity_.data(), N, D};
    body(piece);
    piece.units.clear();
  };
  const auto bounds = passes->MicroBatches(trees, micro_batch_tokens_);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto begin = static_cast<size_t>(bounds[m]), end = static_cast<size_t>(bounds[m + 1]);
    const PackedTrees& packed =
        passes->Forward(trees.subspan(begin, end - begin), kTrained, /*for_backward=*/true);
    int64_t pending = 0;
    for (size_t g = begin; g < end; ++g) {
      const Tree& tree = *trees[g];
      const RandomKey of_tree =
          key[static_cast<uint64_t>(tree.prompt_index)][static_cast<uint64_t>(tree.occurrence)];
      const auto leaves = FindRows(tree, packed.batch.unit_begin[g - begin]);
      for (size_t l = 0; l < leaves.size(); ++l) {
        const size_t row = static_cast<size_t>(rows.group_begin[g]) + l;
        const auto n = static_cast<int64_t>(leaves[l].row.size());
        RLVR_CHECK(n == rows.length(static_cast<int64_t>(row))) << n;
        if (weight[row] == 0 || n == 0) continue;
        for (size_t layer_index = 0; layer_index < layers_.size(); ++layer_index) {
          piece.units.push_back(
              {leaves[l].row, leaves[l].before, row, layer_index, of_tree[l][layer_index]});
          pending += n;
          if (pending < kPieceRows) continue;
          flush();
          pending = 0;
        }
      }
    }
    flush();
  }
}

std::vector<double> FlowReward::Scores(TreePasses* passes, std::span<const Tree* const> trees,
                                       const Rows& rows, RandomKey key) {
  std::vector<double> scores(rows.token.size(), 0.0);
  const std::vector<double> all(rows.reward.size(), 1.0);
  const int64_t D = field_.shape().dim;
  const double factor = settings_.time / (1 - settings_.time) / static_cast<double>(layers_.size());
  ForEachPiece(passes, trees, rows, key, all, false, [&](const Piece& piece) {
    const int64_t N = piece.velocity.rows;
    v_.Resize(N * D);
    field_.Forward(piece.in, {v_.data(), N, D});
    for (size_t u = 0; u < piece.units.size(); ++u) {
      const auto first = static_cast<size_t>(rows.begin[piece.units[u].row]);
      for (int64_t n = piece.unit_begin[u]; n < piece.unit_begin[u + 1]; ++n) {
        double sum = 0;
        for (int64_t d = 0; d < D; ++d) {
          const double e = double{v_[n * D + d]} - double{piece.velocity(n, d)};
          sum += e * e;
        }
        scores[first + static_cast<size_t>(n - piece.unit_begin[u])] +=
            factor * sum / static_cast<double>(D);
      }
    }
  });
  return scores;
}

std::vector<double> FlowReward::Rewards(TreePasses* passes, std::span<const Tree* const> trees,
                                        const Rows& rows, RandomKey key,
                                        std::vector<MetricTerm>* metrics) {
  std::vector<double> reward = Scores(passes, trees, rows, key);
  const auto tokens = static_cast<double>(reward.size());
  double raw = 0, rewarded = 0, sum = 0;
  for (const double score : reward) raw += score;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    ShapeFlowScores(settings_, std::span(reward).subspan(static_cast<size_t>(rows.begin[s]),
                                                         static_cast<size_t>(rows.length(s))));
  }
  for (double& r : reward) {
    rewarded += r != 0;
    r = r == 0 ? 0 : -settings_.coefficient * r;
    sum += r;
  }
  AddTerms({{"flow_reward/score", raw, tokens},
            {"flow_reward/rewarded_tokens", rewarded, tokens},
            {"flow_reward/reward", sum, static_cast<double>(rows.num_rows())}},
           metrics);
  return reward;
}

std::vector<MetricTerm> FlowReward::MiniBatch(TreePasses* passes,
                                              std::span<const Tree* const> trees, const Rows& rows,
                                              RandomKey key) {
  std::vector<double> weight;
  double weights = 0, trained = 0;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    weight.push_back(rows.length(s) == 0 ? 0 : rows.right(s) ? 1 : settings_.wrong_weight);
    weights += weight.back();
    trained += weight.back() != 0;
  }
  std::vector<MetricTerm> terms = {
      {"flow_reward/trained_responses", trained, static_cast<double>(rows.num_rows())}};
  if (weights == 0) return terms;
  const int64_t D = field_.shape().dim;
  double loss = 0;
  FillZero(&gradient_);
  ForEachPiece(passes, trees, rows, key, weight, true, [&](const Piece& piece) {
    const int64_t N = piece.velocity.rows;
    v_.Resize(N * D);
    const View<float> v(v_.data(), N, D);
    field_.Forward(piece.in, v);
    for (size_t u = 0; u < piece.units.size(); ++u) {
      const auto row = static_cast<int64_t>(piece.units[u].row);
      // of one token's one dimension
      const double c = weight[piece.units[u].row] / weights /
                       static_cast<double>(rows.length(row) * D) /
                       static_cast<double>(layers_.size());
      double sum = 0;
      for (int64_t n = piece.unit_begin[u]; n < piece.unit_begin[u + 1]; ++n) {
        for (int64_t d = 0; d < D; ++d) {
          const double e = double{v(n, d)} - double{piece.velocity(n, d)};
          sum += e * e;
          v(n, d) = static_cast<float>(2 * c * e);
        }
      }
      loss += c * sum;
    }
    field_.Backward(piece.in, v, piece.unit_begin, &gradient_);
  });
  const AppliedGradient applied = field_.Step(settings_.optimizer, total_steps_, gradient_);
  terms.push_back({"flow_reward/loss", loss, 1});
  terms.push_back({"flow_reward/grad_norm", applied.norm, 1});
  terms.push_back({"flow_reward/lr", applied.lr, 1});
  return terms;
}

}  // namespace rlvr
