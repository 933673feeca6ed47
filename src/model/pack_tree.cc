#include "model/pack_tree.h"

#include <algorithm>

#include "base/error.h"

namespace rlvr {

PackedTrees PackTrees(std::span<const Tree* const> trees, Authors predicted, KvCache* cache) {
  PackedTrees packed;
  TokenBatch& batch = packed.batch;
  cache->Clear();
  batch.unit_begin.push_back(0);
  std::vector<int64_t> row_of_kv;  // packed row of the first token of each cache segment
  for (size_t i = 0; i < trees.size(); ++i) {
    const Tree& tree = *trees[i];
    std::vector<int32_t> kv(tree.segments.size());
    std::vector<int64_t> last_row(
        tree.segments.size());  // row whose hidden state predicts what follows
    const auto first_prediction = static_cast<int64_t>(packed.predictions.size());
    for (size_t s = 0; s < tree.segments.size(); ++s) {
      const Segment& segment = tree.segments[s];
      RLVR_CHECK(segment.parent < static_cast<int32_t>(s)) << "segments must follow their parents";
      kv[s] = cache->AddSegment(segment.parent < 0 ? -1 : kv[segment.parent]);
      if (static_cast<size_t>(kv[s]) >= row_of_kv.size()) row_of_kv.resize(kv[s] + 1);
      const int64_t row = batch.size(), position = cache->EndPosition(kv[s]);
      const auto n = static_cast<int64_t>(segment.tokens.size());
      row_of_kv[kv[s]] = row;
      cache->Append(kv[s], n, &batch.slots);
      for (int64_t t = 0; t < n; ++t) {
        batch.tokens.push_back(segment.tokens[t]);
        batch.positions.push_back(static_cast<int32_t>(position + t));
      }
      if (n > 0) cache->AddRun(kv[s], n, row, &row_of_kv, &batch.table);
      const int64_t before = segment.parent < 0 ? -1 : last_row[segment.parent];
      last_row[s] = n > 0 ? row + n - 1 : before;
      if (!predicted.Contains(segment.author)) continue;
      for (int64_t t = 0; t < n; ++t) {
        const int64_t from = t == 0 ? before : row + t - 1;
        if (from < 0) continue;  // nothing predicts the very first token
        packed.predictions.push_back({from, segment.tokens[t], static_cast<int32_t>(i),
                                      static_cast<int32_t>(s), static_cast<int32_t>(t)});
      }
    }
    std::stable_sort(packed.predictions.begin() + first_prediction, packed.predictions.end(),
                     [](const Prediction& a, const Prediction& b) { return a.row < b.row; });
    batch.unit_begin.push_back(batch.size());
  }
  return packed;
}

}  // namespace rlvr
