#include "train/turn_gain.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "train/likelihood_reward.h"

namespace rlvr {
namespace {

// What a leaf's turns were written after: the last segment before each that the policy only read.
std::vector<int32_t> ContextsOf(const Tree& tree, const Leaf& leaf) {
  std::vector<int32_t> contexts;
  int32_t read = 0;
  for (const int32_t s : tree.Path(leaf.segment)) {
    const Segment& segment = tree.segments[static_cast<size_t>(s)];
    if (!kTrained.Contains(segment.author)) {
      read = s;
      continue;
    }
    // Turns as MakeRows counts them.
    const bool goes_on =
        tree.segments[static_cast<size_t>(segment.parent)].author == segment.author;
    if (!goes_on || contexts.empty()) contexts.push_back(read);
  }
  return contexts;
}

// The tree up to its contexts, with the answer behind each. answer_at: segments of the new tree.
struct ContextTree {
  Tree tree;
  std::map<int32_t, int32_t> answer_at;  // by context
};

ContextTree WithAnswers(const Tree& tree, const std::vector<std::vector<int32_t>>& contexts,
                        const std::vector<int32_t>& marker, const std::vector<int32_t>& answer) {
  std::vector<char> needed(tree.segments.size(), 0);
  std::map<int32_t, int32_t> answer_at = {{0, -1}};
  for (const auto& of_leaf : contexts) {
    for (const int32_t c : of_leaf) answer_at.emplace(c, -1);
  }
  for (const auto& [context, unused] : answer_at) {
    for (int32_t s = context; s >= 0; s = tree.segments[static_cast<size_t>(s)].parent)
      needed[static_cast<size_t>(s)] = 1;
  }
  ContextTree out;
  out.answer_at = std::move(answer_at);
  auto& segments = out.tree.segments;
  out.tree.prompt_index = tree.prompt_index;
  out.tree.occurrence = tree.occurrence;
  std::vector<int32_t> moved(tree.segments.size(), -1);
  for (size_t s = 0; s < tree.segments.size(); ++s) {
    if (!needed[s]) continue;
    const Segment& from = tree.segments[s];
    moved[s] = static_cast<int32_t>(segments.size());
    // The environment's: in the context, not scored.
    segments.push_back({.parent = s == 0 ? -1 : moved[static_cast<size_t>(from.parent)],
                        .author = s == 0 ? from.author : Author::kEnvironment,
                        .tokens = from.tokens});
  }
  for (auto& [context, at] : out.answer_at) {
    int32_t parent = moved[static_cast<size_t>(context)];
    if (!marker.empty()) {
      segments.push_back({.parent = parent, .author = Author::kEnvironment, .tokens = marker});
      parent = static_cast<int32_t>(segments.size()) - 1;
    }
    segments.push_back({.parent = parent, .author = Author::kExpert, .tokens = answer});
    at = static_cast<int32_t>(segments.size()) - 1;
    out.tree.leaves.push_back({.segment = at});
  }
  return out;
}

}  // namespace

std::vector<double> TurnGains(const std::string& kind, std::span<const double> mean_logp) {
  std::vector<double> gains;
  const auto value = [&](size_t t) {
    return kind == "prob" ? std::exp(mean_logp[t]) : mean_logp[t];
  };
  for (size_t t = 1; t < mean_logp.size(); ++t) gains.push_back(value(t) - value(t - 1));
  return gains;
}

TurnGain::TurnGain(const TurnGainSettings& settings, const Tokenizer* tokenizer, float temperature,
                   int64_t micro_batch_tokens)
    : settings_(settings),
      tokenizer_(tokenizer),
      temperature_(temperature),
      micro_batch_tokens_(micro_batch_tokens) {}

std::vector<MetricTerm> TurnGain::Reward(TreePasses* passes, std::span<const Prompt> prompts,
                                         std::span<const Tree* const> trees, Rows* rows) const {
  RLVR_CHECK(prompts.size() == trees.size());
  const std::vector<int32_t> marker = tokenizer_->Encode(settings_.marker, false);
  std::vector<ContextTree> scoring;
  std::vector<std::vector<int32_t>> contexts;  // of each row
  for (size_t g = 0; g < trees.size(); ++g) {
    const Tree& tree = *trees[g];
    const std::string answer =
        AnswerPart(settings_.answer == "target" ? prompts[g].target : prompts[g].ground_truth,
                   settings_.marker);
    if (answer.empty()) {
      throw Error(fmt::format("{}: prompt {}", tree.data_source, tree.prompt_index),
                  "has no " + settings_.answer + ", which turn_gain scores",
                  "add it, or choose another turn_gain.answer");
    }
    std::vector<std::vector<int32_t>> of_tree;
    for (const Leaf& leaf : tree.leaves) of_tree.push_back(ContextsOf(tree, leaf));
    scoring.push_back(WithAnswers(
        tree, of_tree, marker,
        tokenizer_->Encode(marker.empty() ? answer : " " + answer, /*parse_special=*/false)));
    contexts.insert(contexts.end(), of_tree.begin(), of_tree.end());
  }
  std::vector<const Tree*> pointers;
  for (const ContextTree& s : scoring) pointers.push_back(&s.tree);
  const auto fields = ScoreTrees(passes, pointers, kLogpOnly, temperature_, micro_batch_tokens_)[0];

  double gain_sum = 0, num_gains = 0, before = 0, after = 0, num_after = 0;
  int64_t row = 0;
  for (size_t g = 0; g < trees.size(); ++g) {
    std::map<int32_t, double> mean_logp;  // by context
    for (const auto& [context, at] : scoring[g].answer_at) {
      const auto& logp = fields[g][static_cast<size_t>(at)];
      mean_logp[context] =
          std::accumulate(logp.begin(), logp.end(), 0.0) / static_cast<double>(logp.size());
    }
    const auto value = [&](int32_t context) {
      return settings_.kind == "prob" ? std::exp(mean_logp.at(context)) : mean_logp.at(context);
    };
    before += value(0);
    for (size_t l = 0; l < trees[g]->leaves.size(); ++l, ++row) {
      const auto& of_row = contexts[static_cast<size_t>(row)];
      std::vector<double> at_turns;
      for (const int32_t c : of_row) at_turns.push_back(mean_logp.at(c));
      const std::vector<double> gains = TurnGains(settings_.kind, at_turns);
      if (!gains.empty()) {
        after += value(of_row.back());
        num_after += 1;
      }
      for (int64_t t = rows->begin[row]; t < rows->begin[row + 1]; ++t) {
        const auto turn = static_cast<size_t>(rows->turn[t]);
        if (turn >= gains.size()) continue;
        const double reward = settings_.coefficient * gains[turn];
        rows->turn_reward[t] += reward;
        if (t > rows->begin[row] && rows->turn[t] == rows->turn[t - 1]) continue;
        rows->reward[row] += reward;  // once a turn
        gain_sum += gains[turn];
        num_gains += 1;
      }
    }
  }
  std::vector<MetricTerm> terms = {{"turn_gain/before", before, static_cast<double>(trees.size())}};
  if (num_gains > 0) terms.push_back({"turn_gain/gain", gain_sum, num_gains});
  if (num_after > 0) terms.push_back({"turn_gain/after", after, num_after});
  return terms;
}

}  // namespace rlvr
