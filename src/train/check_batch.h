// A seeded random batch on tiny random models: what `rlvr check recipe` runs a recipe's stages on.
// Its groups hold every case that stages trip over: one right answer of many, none, all, truncated
// responses, several turns, two data sources, groups of two and of four, foreign rows where a recipe
// has them.
#ifndef RLVR_TRAIN_CHECK_BATCH_H_
#define RLVR_TRAIN_CHECK_BATCH_H_
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "objective/objective.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "train/tree_rows.h"

namespace rlvr {

// What of a recipe the batch follows.
struct CheckSettings {
  double correct = 1, wrong = 0;
  OverlongSettings overlong;  // a soft buffer becomes kCheckOverlongBuffer
  float temperature = 1;
  int64_t step = 1, total_steps = 1;
  bool expert = false;  // each group has a row that the policy did not sample
  bool replay = false;  // some groups were sampled in an earlier step
  ComputeType compute = ComputeType::kFp32;
  uint64_t seed = 1;
};
inline constexpr int64_t kCheckMaxTokens = 10, kCheckOverlongBuffer = 4;  // of a response

struct CheckBatch {
  CheckSettings settings;
  std::unique_ptr<Tokenizer> tokenizer;
  // The policy that sampled; the policy being trained, some updates later; the reference.
  std::unique_ptr<Model> behaviour, trained, reference;
  std::vector<Tree> trees;

  std::vector<const Tree*> InOrder(std::span<const size_t> order) const;
};
CheckBatch MakeCheckBatch(const CheckSettings& settings);

// Copy of the model being trained, for an update that changes it.
std::unique_ptr<Model> CopyOfTrained(const CheckBatch& batch);

// Rows of the trees in this order with what `needs` asks for, as they enter reward_shaping.
Rows MakeCheckRows(const CheckBatch& batch, std::span<const size_t> order, const Needs& needs);

// Statistics of every token under the model being trained: [wanted][trees in this order].
std::vector<std::vector<SegmentField<float>>> CheckStatistics(const CheckBatch& batch,
                                                              std::span<const size_t> order,
                                                              std::span<const Statistic> wanted,
                                                              int64_t micro_batch_tokens);

}  // namespace rlvr
#endif  // RLVR_TRAIN_CHECK_BATCH_H_
