// Rollout trees -> one packed batch: every segment once, shared prompts included.
#ifndef RLVR_MODEL_PACK_TREE_H_
#define RLVR_MODEL_PACK_TREE_H_
#include <span>
#include <vector>

#include "model/model.h"
#include "tree/tree.h"

namespace rlvr {

// One prediction that training scores: hidden row `row` predicts `target`, the token at `offset` of
// `segment` in tree `tree`. Every token of every policy segment has exactly one.
struct Prediction {
  int64_t row = 0;
  int32_t target = 0;
  int32_t tree = 0, segment = 0, offset = 0;
};

struct PackedTrees {
  TokenBatch batch;                     // one unit per tree
  std::vector<Prediction> predictions;  // rising in row; ties in segment order
};

// Rows follow trees, segments, tokens. The cache is cleared first and holds just this batch.
// Segments without tokens are allowed. predicted: whose tokens become predictions (kTrained for RL,
// kExpert for sft).
PackedTrees PackTrees(std::span<const Tree* const> trees, Authors predicted, KvCache* cache);

}  // namespace rlvr
#endif  // RLVR_MODEL_PACK_TREE_H_
