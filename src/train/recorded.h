// What sampling recorded, beside what training computes: the same bits.
#ifndef RLVR_TRAIN_RECORDED_H_
#define RLVR_TRAIN_RECORDED_H_
#include <span>
#include <vector>

#include "model/head.h"
#include "model/pack_tree.h"
#include "train/tree_rows.h"

namespace rlvr {

// A statistic (log-prob or entropy) as sampling recorded it.
SegmentField<float> Recorded(const Tree& tree, Statistic statistic);

// Largest |p - p_recorded| over the batch; a logp that differs in any bit throws Error.
double CompareWithRecorded(const PackedTrees& packed, std::span<const Tree* const> trees,
                           const std::vector<float>& logp);

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECORDED_H_
