#include "train/recorded.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"

namespace rlvr {

SegmentField<float> Recorded(const Tree& tree, Statistic statistic) {
  SegmentField<float> field(tree.segments.size());
  for (size_t s = 0; s < field.size(); ++s) {
    if (tree.segments[s].author != Author::kPolicy) continue;
    field[s] = statistic == Statistic::kLogp ? tree.segments[s].logp : tree.segments[s].entropy;
  }
  return field;
}

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

}  // namespace rlvr
