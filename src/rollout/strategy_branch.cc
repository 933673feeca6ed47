// CURE, arXiv:2508.11016, first stage.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "rollout/strategy.h"

namespace rlvr {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Once white space is cut off its ends. Bytes that go on with a UTF-8 character do not count.
int NumCharacters(const std::string& bytes) {
  size_t begin = 0, end = bytes.size();
  while (begin < end && IsSpace(bytes[begin])) ++begin;
  while (begin < end && IsSpace(bytes[end - 1])) --end;
  int characters = 0;
  for (size_t i = begin; i < end; ++i)
    characters += (static_cast<unsigned char>(bytes[i]) & 0xC0) != 0x80;
  return characters;
}

class BranchGrowth : public Growth {
 public:
  BranchGrowth(const BranchSettings& settings, GrowthContext context)
      : settings_(settings), context_(std::move(context)) {}

  std::vector<Expansion> Next(Tree* tree, std::span<const Grown> grown) override {
    switch (round_++) {
      case 0:
        return {{.parent = 0, .num_samples = settings_.first, .max_tokens = context_.max_tokens}};
      case 1:
        return Branch(tree, grown);
      default:
        for (size_t i = 0; i < grown.size(); ++i)
          tree->leaves.push_back(
              {.segment = grown[i].segment, .finish = grown[i].finish, .prefix = prefix_[i]});
        return {};
    }
  }

 private:
  std::vector<Expansion> Branch(Tree* tree, std::span<const Grown> grown) {
    std::vector<Expansion> expansions;
    int32_t sample = settings_.first;
    for (const Grown& g : grown) tree->leaves.push_back({.segment = g.segment, .finish = g.finish});
    for (const Grown& g : grown) {
      int32_t rest = g.segment;  // what is still uncut of the response
      int64_t begin = 0;
      for (const int64_t position : Cuts(tree->segments[static_cast<size_t>(rest)])) {
        int32_t parent = 0;
        if (position > 0) {
          parent = rest;
          rest = SplitSegment(parent, position - begin, tree);
          begin = position;
        }
        const bool once = settings_.prefix == "once";
        expansions.push_back({.parent = parent,
                              .first_sample = sample,
                              .num_samples = settings_.branches,
                              .max_tokens = context_.max_tokens - (once ? 0 : position)});
        prefix_.insert(prefix_.end(), static_cast<size_t>(settings_.branches), once ? position : 0);
        sample += settings_.branches;
      }
    }
    return expansions;
  }

  // The positions of one response before which it is cut, rising; 0 where there is none.
  std::vector<int64_t> Cuts(const Segment& response) const {
    const auto cuts = static_cast<size_t>(settings_.cuts);
    const auto length = static_cast<int64_t>(response.tokens.size());
    std::vector<int64_t> positions;
    if (settings_.at == "even") {
      for (int k = 1; k <= settings_.cuts; ++k) {
        const int64_t position = length * k / (settings_.cuts + 1);
        const bool again = !positions.empty() && positions.back() == position;
        positions.push_back(again ? 0 : position);  // a response of fewer tokens than pieces
      }
    } else {
      const RandomKey key = context_.key[kPickKey][static_cast<uint64_t>(response.sample)];
      std::vector<float> rank = response.entropy;
      if (settings_.at == "random") {
        for (size_t t = 0; t < rank.size(); ++t) rank[t] = static_cast<float>(key[1].Uniform(t));
      }
      positions = BranchCandidates(*context_.tokenizer, response.tokens, rank, settings_.top_k,
                                   settings_.min_characters);
      Random random(key[0]);
      random.Shuffle(positions);
      positions.resize(std::min(cuts, positions.size()));
      positions.resize(cuts, 0);
    }
    std::sort(positions.begin(), positions.end());
    return positions;
  }

  static constexpr uint64_t kPickKey = uint64_t{1} << 32;  // samples' keys are below it

  BranchSettings settings_;
  GrowthContext context_;
  int round_ = 0;
  std::vector<int64_t> prefix_;  // of each branch
};

}  // namespace

std::vector<int64_t> BranchCandidates(const Tokenizer& tokenizer, std::span<const int32_t> tokens,
                                      std::span<const float> rank, int top_k, int min_characters) {
  RLVR_CHECK(rank.size() == tokens.size());
  std::vector<int64_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return rank[static_cast<size_t>(a)] > rank[static_cast<size_t>(b)];
  });
  std::vector<int64_t> candidates;
  for (const int64_t t : order) {
    if (static_cast<int>(candidates.size()) == top_k) break;
    const int32_t token = tokens[static_cast<size_t>(t)];
    if (t == 0 || tokenizer.IsSpecial(token) ||
        NumCharacters(tokenizer.TokenBytes(token)) < min_characters)
      continue;
    candidates.push_back(t);
  }
  return candidates;
}

std::unique_ptr<Growth> MakeBranchGrowth(const BranchSettings& settings, GrowthContext context) {
  return std::make_unique<BranchGrowth>(settings, std::move(context));
}

}  // namespace rlvr
