#include "train/likelihood_reward.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace rlvr {
namespace {

// log of sum exp(x), without `skip` (-1: none).
double LogSumExp(const std::vector<double>& x, int64_t skip) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (static_cast<int64_t>(i) != skip) most = std::max(most, x[i]);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    if (static_cast<int64_t>(i) != skip) sum += std::exp(x[i] - most);
  }
  return most + std::log(sum);
}

// logp [leaves][answer tokens] of one scoring tree, of whose tokens just the answers' are scored.
std::vector<std::vector<double>> AnswerLogp(const Tree& tree, const SegmentField<float>& field) {
  std::vector<std::vector<double>> logp;
  for (const Leaf& leaf : tree.leaves) {
    const auto& of_answer = field[static_cast<size_t>(leaf.segment)];
    logp.emplace_back(of_answer.begin(), of_answer.end());
  }
  return logp;
}

std::vector<const Tree*> Pointers(const std::vector<Tree>& trees, int64_t begin, int64_t end) {
  std::vector<const Tree*> pointers;
  for (int64_t g = begin; g < end; ++g) pointers.push_back(&trees[static_cast<size_t>(g)]);
  return pointers;
}

}  // namespace

std::string AnswerPart(const std::string& text, const std::string& marker) {
  const size_t at = marker.empty() ? std::string::npos : text.rfind(marker);
  const std::string part = at == std::string::npos ? text : text.substr(at + marker.size());
  const size_t begin = part.find_first_not_of(" \t\r\n"), end = part.find_last_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : part.substr(begin, end - begin + 1);
}

LikelihoodGroup LikelihoodOf(const std::string& kind,
                             const std::vector<std::vector<double>>& logp) {
  LikelihoodGroup group;
  const size_t G = logp.size();
  std::vector<double> sums;  // log p_i
  for (const auto& row : logp) sums.push_back(std::accumulate(row.begin(), row.end(), 0.0));
  const double all = kind == "jepo" ? LogSumExp(sums, -1) : 0;
  for (size_t i = 0; i < G; ++i) {
    const auto n = static_cast<double>(logp[i].size());
    std::vector<double> slope(logp[i].size());
    double reward = 0;
    if (kind == "logp") {
      reward = sums[i];
      std::fill(slope.begin(), slope.end(), 1.0);
    } else if (kind == "mean_logp") {
      reward = sums[i] / n;
      std::fill(slope.begin(), slope.end(), 1 / n);
    } else if (kind == "prob") {
      reward = std::exp(sums[i]);
      std::fill(slope.begin(), slope.end(), reward);
    } else if (kind == "mean_prob") {
      for (size_t t = 0; t < slope.size(); ++t) {
        slope[t] = std::exp(logp[i][t]) / n;
        reward += slope[t];
      }
    } else {
      RLVR_CHECK(kind == "jepo") << kind;
      const auto size = static_cast<double>(G);
      reward = all - std::log(size);
      if (G > 1) reward -= LogSumExp(sums, static_cast<int64_t>(i)) - std::log(size - 1);
      std::fill(slope.begin(), slope.end(), size * std::exp(sums[i] - all));
    }
    group.reward.push_back(reward);
    group.slope.push_back(std::move(slope));
  }
  return group;
}

Continuation ContinueWith(const Tokenizer& tokenizer, std::span<const int32_t> response,
                          const std::string& marker, const std::string& answer, int32_t eos) {
  Continuation c;
  std::string text;
  std::vector<size_t> ends;  // of each token, in bytes
  for (const int32_t token : response) {
    if (!tokenizer.IsSpecial(token)) text += tokenizer.TokenBytes(token);
    ends.push_back(text.size());
  }
  const size_t at = marker.empty() ? std::string::npos : text.rfind(marker);
  c.marked = at != std::string::npos;
  std::string rest;
  if (c.marked) {
    const size_t end = at + marker.size();
    // A token may reach over the marker's end: then the answer's tokens begin inside the marker.
    while (c.kept < static_cast<int64_t>(ends.size()) && ends[static_cast<size_t>(c.kept)] <= end)
      ++c.kept;
    const size_t covered = c.kept == 0 ? 0 : ends[static_cast<size_t>(c.kept) - 1];
    rest = text.substr(covered, end - covered) + " " + answer;
  } else {
    c.kept = static_cast<int64_t>(response.size());
    while (c.kept > 0 && tokenizer.IsSpecial(response[static_cast<size_t>(c.kept) - 1])) --c.kept;
    rest = marker.empty() ? "\n" + answer : "\n" + marker + " " + answer;
  }
  c.answer = tokenizer.Encode(rest, /*parse_special=*/false);
  if (eos >= 0) c.answer.push_back(eos);
  return c;
}

LikelihoodReward::LikelihoodReward(const LikelihoodRewardSettings& settings,
                                   const Tokenizer* tokenizer, int32_t eos, float temperature,
                                   int64_t micro_batch_tokens)
    : settings_(settings),
      tokenizer_(tokenizer),
      eos_(eos),
      temperature_(temperature),
      micro_batch_tokens_(micro_batch_tokens) {}

Tree LikelihoodReward::ScoringTree(const Prompt& prompt, const Tree& tree,
                                   std::vector<Continuation>* continuations) const {
  const std::string answer = AnswerPart(
      settings_.answer == "target" ? prompt.target : prompt.ground_truth, settings_.marker);
  if (answer.empty()) {
    throw Error(fmt::format("{}: prompt {}", tree.data_source, tree.prompt_index),
                "has no " + settings_.answer + ", which likelihood_reward scores",
                "add it, or choose another likelihood_reward.answer");
  }
  Tree scoring;
  scoring.prompt_index = tree.prompt_index;
  scoring.occurrence = tree.occurrence;
  scoring.segments.push_back(tree.segments[0]);
  for (const Leaf& leaf : tree.leaves) {
    for (const int32_t s : tree.Path(leaf.segment)) {
      if (s != 0 && !kTrained.Contains(tree.segments[static_cast<size_t>(s)].author)) {
        throw Error(fmt::format("{}: prompt {}", tree.data_source, tree.prompt_index),
                    "an environment answered in mid-response: likelihood_reward cannot cut there",
                    "use another reward for conversations");
      }
    }
    const std::vector<int32_t> response = tree.ResponseTokens(leaf);
    Continuation c = ContinueWith(*tokenizer_, response, settings_.marker, answer, eos_);
    // The environment's: in the context, not scored.
    int32_t parent = 0;
    if (c.kept > 0) {
      scoring.segments.push_back({.parent = 0,
                                  .author = Author::kEnvironment,
                                  .tokens = {response.begin(), response.begin() + c.kept}});
      parent = static_cast<int32_t>(scoring.segments.size()) - 1;
    }
    scoring.segments.push_back({.parent = parent, .author = Author::kExpert, .tokens = c.answer});
    scoring.leaves.push_back({.segment = static_cast<int32_t>(scoring.segments.size()) - 1});
    continuations->push_back(std::move(c));
  }
  return scoring;
}

std::vector<MetricTerm> LikelihoodReward::Reward(TreePasses* passes,
                                                 std::span<const Prompt> prompts,
                                                 std::span<const Tree* const> trees, Rows* rows) {
  RLVR_CHECK(prompts.size() == trees.size());
  scoring_.clear();
  std::vector<Continuation> continuations;  // in the order of the rows
  for (size_t g = 0; g < trees.size(); ++g)
    scoring_.push_back(ScoringTree(prompts[g], *trees[g], &continuations));
  const auto pointers = Pointers(scoring_, 0, static_cast<int64_t>(scoring_.size()));
  const auto fields = ScoreTrees(passes, pointers, kLogpOnly, temperature_, micro_batch_tokens_)[0];
  double reward_sum = 0, logp_sum = 0, tokens = 0, marked = 0;
  size_t row = 0;
  for (size_t g = 0; g < scoring_.size(); ++g) {
    const auto logp = AnswerLogp(scoring_[g], fields[g]);
    const LikelihoodGroup group = LikelihoodOf(settings_.kind, logp);
    for (size_t i = 0; i < logp.size(); ++i, ++row) {
      rows->reward[row] += settings_.coefficient * group.reward[i];
      // A row begins behind the prefix that is prompt to its leaf.
      const int64_t trained =
          std::max<int64_t>(0, continuations[row].kept - trees[g]->leaves[i].prefix);
      std::fill(rows->mask.begin() + rows->begin[row] + trained,
                rows->mask.begin() + rows->begin[row + 1], 0.0);
      reward_sum += group.reward[i];
      logp_sum += std::accumulate(logp[i].begin(), logp[i].end(), 0.0);
      tokens += static_cast<double>(logp[i].size());
      marked += continuations[row].marked;
    }
  }
  const auto n = static_cast<double>(row);
  return {{"likelihood/reward", reward_sum, n},
          {"likelihood/answer_logp", logp_sum, n},
          {"likelihood/answer_tokens", tokens, n},
          {"likelihood/marked", marked, n}};
}

void LikelihoodReward::AddGradient(TreePasses* passes, int64_t begin, int64_t end,
                                   Gradient* gradient) const {
  const double scale = settings_.gradient * settings_.coefficient;
  if (scale == 0) return;
  const auto trees = Pointers(scoring_, begin, end);
  double responses = 0;
  for (const Tree* tree : trees) responses += static_cast<double>(tree->leaves.size());
  const auto bounds = passes->MicroBatches(trees, micro_batch_tokens_);
  for (size_t m = 0; m + 1 < bounds.size(); ++m) {
    const auto first = static_cast<size_t>(bounds[m]), last = static_cast<size_t>(bounds[m + 1]);
    const auto micro = std::span(trees).subspan(first, last - first);
    const PackedTrees& packed = passes->Forward(micro, Author::kExpert, true);
    const auto fields = ScatterToTrees(packed, micro, passes->Score(temperature_, kLogpOnly)[0]);
    std::vector<LikelihoodGroup> groups;
    std::vector<std::vector<size_t>> leaf_of_segment;
    for (size_t g = 0; g < micro.size(); ++g) {
      groups.push_back(LikelihoodOf(settings_.kind, AnswerLogp(*micro[g], fields[g])));
      leaf_of_segment.emplace_back(micro[g]->segments.size());
      for (size_t l = 0; l < micro[g]->leaves.size(); ++l)
        leaf_of_segment.back()[static_cast<size_t>(micro[g]->leaves[l].segment)] = l;
    }
    std::vector<std::vector<float>> coefficients(1);  // of the loss, which is minus the reward
    for (const Prediction& p : packed.predictions) {
      const auto g = static_cast<size_t>(p.tree);
      const size_t leaf = leaf_of_segment[g][static_cast<size_t>(p.segment)];
      coefficients[0].push_back(static_cast<float>(
          -scale * groups[g].slope[leaf][static_cast<size_t>(p.offset)] / responses));
    }
    passes->Backward(temperature_, kLogpOnly, coefficients, gradient);
  }
}

}  // namespace rlvr
