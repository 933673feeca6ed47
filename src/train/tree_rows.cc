#include "train/tree_rows.h"

#include <algorithm>
#include <map>
#include <string>

namespace rlvr {
namespace {

// FNV-1a, 64 bits: the same numbers on every machine.
constexpr uint64_t kEmptyHash = 0xcbf29ce484222325u;
uint64_t AddByte(uint64_t hash, uint32_t byte) { return (hash ^ (byte & 0xffu)) * 0x100000001b3u; }
uint64_t HashTokens(uint64_t hash, const std::vector<int32_t>& tokens) {
  for (const int32_t token : tokens) {
    for (int shift = 0; shift < 32; shift += 8)
      hash = AddByte(hash, static_cast<uint32_t>(token) >> shift);
  }
  return hash;
}
int64_t HashText(const std::string& text) {
  uint64_t hash = kEmptyHash;
  for (const char c : text) hash = AddByte(hash, static_cast<unsigned char>(c));
  return static_cast<int64_t>(hash);
}

}  // namespace

Rows MakeRows(std::span<const Tree* const> trees) {
  Rows rows;
  std::map<std::string, int32_t> tasks, families;
  int32_t num_families = 0;
  bool departs = false;  // some token was drawn from another distribution
  for (const Tree* tree : trees) {
    rows.prompt.push_back(tree->prompt_index);
    rows.occurrence.push_back(tree->occurrence);
    rows.task.push_back(
        tasks.emplace(tree->data_source, static_cast<int32_t>(tasks.size())).first->second);
    const bool first_seen =
        tree->family.empty() || families.emplace(tree->family, num_families).second;
    rows.family.push_back(first_seen ? num_families++ : families.at(tree->family));
    std::map<std::string, int32_t> answers;
    for (const Leaf& leaf : tree->leaves) {
      rows.score.push_back(leaf.score);
      rows.reward.push_back(leaf.reward);
      rows.verdict.push_back(leaf.verdict);
      rows.truncated.push_back(leaf.finish == Finish::kLength);
      rows.answer.push_back(
          leaf.answer.empty()
              ? -1
              : answers.emplace(leaf.answer, static_cast<int32_t>(answers.size())).first->second);
      rows.answer_hash.push_back(leaf.answer.empty() ? 0 : HashText(leaf.answer));
      int32_t turn = -1, sample = 0, step = -1;
      auto skip = static_cast<size_t>(leaf.prefix);
      bool foreign = false, replayed = false, read = false;
      uint64_t state = kEmptyHash;
      for (const int32_t s : tree->Path(leaf.segment)) {
        const Segment& segment = tree->segments[static_cast<size_t>(s)];
        if (!kTrained.Contains(segment.author)) {
          state = HashTokens(read ? state : kEmptyHash, segment.tokens);
          read = true;
          continue;
        }
        read = false;
        foreign = foreign || segment.author != Author::kPolicy;
        replayed = replayed || segment.author == Author::kReplay;
        // A branch goes on with the turn of its parent.
        const bool goes_on =
            segment.parent >= 0 &&
            tree->segments[static_cast<size_t>(segment.parent)].author == segment.author;
        if (!goes_on || turn < 0) ++turn;
        sample = segment.sample;
        const size_t begin = std::min(skip, segment.tokens.size());
        const size_t n = segment.tokens.size() - begin;
        skip -= begin;
        if (n == 0) continue;
        const auto first = static_cast<int64_t>(begin);
        rows.token.insert(rows.token.end(), segment.tokens.begin() + first, segment.tokens.end());
        rows.turn.insert(rows.turn.end(), n, turn);
        rows.state.insert(rows.state.end(), n, static_cast<int64_t>(state));
        rows.step.insert(rows.step.end(), n, ++step);
        rows.step_value.insert(rows.step_value.end(), n, segment.value);
        rows.turn_reward.insert(rows.turn_reward.end(), n, segment.outcome.reward);
        rows.illocution.insert(rows.illocution.end(), n, segment.outcome.illocution);
        rows.strategy.insert(rows.strategy.end(), n, segment.outcome.strategy);
        const auto add = [n, first](const std::vector<float>& from, std::vector<double>* to) {
          if (from.empty()) {
            to->insert(to->end(), n, 0.0);
          } else {
            to->insert(to->end(), from.begin() + first, from.end());
          }
        };
        add(segment.logp, &rows.logp_old);
        add(segment.entropy, &rows.entropy_old);
        add(segment.sampler_logp.empty() ? segment.logp : segment.sampler_logp, &rows.sampler_logp);
        departs = departs || !segment.sampler_logp.empty();
      }
      rows.sample.push_back(sample);
      rows.foreign.push_back(foreign);
      rows.replayed.push_back(replayed);
      rows.begin.push_back(static_cast<int64_t>(rows.token.size()));
    }
    rows.group_begin.push_back(static_cast<int64_t>(rows.reward.size()));
  }
  if (!departs) rows.sampler_logp = {};
  rows.adv.assign(rows.token.size(), 0.0);
  rows.token_reward.assign(rows.token.size(), 0.0);
  rows.weight.assign(rows.token.size(), 1.0);
  rows.mask.assign(rows.token.size(), 1.0);
  return rows;
}

std::vector<double> LeafRows(std::span<const Tree* const> trees,
                             std::span<const SegmentField<float>> fields) {
  std::vector<double> values;
  for (size_t g = 0; g < trees.size(); ++g) {
    ForEachLeafToken(*trees[g], [&](size_t, size_t segment, size_t offset) {
      values.push_back(fields[g][segment][offset]);
    });
  }
  return values;
}

SegmentField<double> SumOntoTokens(const Tree& tree, const std::vector<double>& values,
                                   size_t* cursor) {
  SegmentField<double> field = MakeSegmentField<double>(tree);
  ForEachLeafToken(tree, [&](size_t, size_t segment, size_t offset) {
    field[segment][offset] += values[(*cursor)++];
  });
  return field;
}

}  // namespace rlvr
