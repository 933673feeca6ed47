// Between the tree, where shared tokens stand once, and rows, where every trajectory has its own.
#ifndef RLVR_TRAIN_TREE_ROWS_H_
#define RLVR_TRAIN_TREE_ROWS_H_
#include <algorithm>
#include <span>
#include <vector>

#include "objective/rows.h"
#include "tree/tree.h"

namespace rlvr {

// One value per token of every segment of one tree: [segments][n].
template <class T>
using SegmentField = std::vector<std::vector<T>>;

template <class T>
SegmentField<T> MakeSegmentField(const Tree& tree) {
  SegmentField<T> field(tree.segments.size());
  for (size_t s = 0; s < field.size(); ++s) field[s].resize(tree.segments[s].tokens.size());
  return field;
}

// Calls body(leaf index, segment, offset) for every training token of every trajectory, in the
// order of the tokens of Rows: those after Leaf::prefix.
template <class Body>
void ForEachLeafToken(const Tree& tree, Body body) {
  for (size_t l = 0; l < tree.leaves.size(); ++l) {
    auto skip = static_cast<size_t>(tree.leaves[l].prefix);
    for (const int32_t s : tree.Path(tree.leaves[l].segment)) {
      const Segment& segment = tree.segments[static_cast<size_t>(s)];
      if (!kTrained.Contains(segment.author)) continue;
      const size_t n = segment.tokens.size(), from = std::min(skip, n);
      skip -= from;
      for (size_t t = from; t < n; ++t) body(l, static_cast<size_t>(s), t);
    }
  }
}

// The trees of a batch, one group each. Advantages are 0, weights and masks 1. logp_old and
// entropy_old are what sampling recorded; 0 where nothing did (expert tokens).
Rows MakeRows(std::span<const Tree* const> trees);

// A field of each tree -> one value per token of the rows. fields[i] belongs to trees[i].
std::vector<double> LeafRows(std::span<const Tree* const> trees,
                             std::span<const SegmentField<float>> fields);

// Coefficients on (leaf, position) are summed onto the tokens that leaves share. `cursor`: the
// tree's first token in `values`; moves past it.
SegmentField<double> SumOntoTokens(const Tree& tree, const std::vector<double>& values,
                                   size_t* cursor);

}  // namespace rlvr
#endif  // RLVR_TRAIN_TREE_ROWS_H_
