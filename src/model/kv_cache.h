// Keys and values by segment, in pages; children share their ancestors' pages.
#ifndef RLVR_MODEL_KV_CACHE_H_
#define RLVR_MODEL_KV_CACHE_H_
#include <cstdint>
#include <vector>

#include "model/config.h"
#include "tensor/attention.h"

namespace rlvr {

class KvCache {
 public:
  // The pool grows as needed and is reused. type: of the stored K and V.
  KvCache(const ModelConfig& config, ComputeType type);

  // A new empty segment after the end of `parent` (-1: a root). The parent must not grow any more.
  // Returns its id; ids are reused after Release.
  int32_t AddSegment(int32_t parent);
  // Drops one segment; its pages are freed when no child needs them any more.
  void Release(int32_t segment);
  void Clear();  // releases all

  int64_t Length(int32_t segment) const;       // own tokens
  int64_t EndPosition(int32_t segment) const;  // path position after its last token

  // Reserves n more tokens at the segment's end; returns their slots.
  void Append(int32_t segment, int64_t n, std::vector<KvSlot>* slots);
  // Takes the segment's last n tokens back; pages that become empty are free again. The segment must
  // have no children.
  void Truncate(int32_t segment, int64_t n);
  // Adds one run: the last `num_rows` tokens of the segment as query rows from `row` on, seeing the
  // path. first_row: packed row of the segment's first token for training (then ancestors' rows
  // must be known: pass rows_of_segments), else nullptr.
  void AddRun(int32_t segment, int64_t num_rows, int64_t row,
              const std::vector<int64_t>* row_of_segment, BlockTable* table) const;

  KvLayer layer(int64_t l) const;
  int64_t bytes() const;  // allocated
  int64_t pages_in_use() const;

 private:
  struct SegmentState {
    int32_t parent = -1;
    int32_t references = 0;  // itself plus children
    bool live = false;
    int64_t start = 0, length = 0;
    std::vector<int32_t> pages;
  };
  void Unreference(int32_t segment);
  void Grow();

  AttentionShape shape_;
  ComputeType type_;
  int64_t num_layers_, page_bytes_;
  int64_t num_pages_ = 0;
  std::vector<AlignedBuffer<uint8_t>> k_, v_;  // [L], each num_pages_ * page_bytes_
  std::vector<int32_t> free_pages_, free_segments_;
  std::vector<SegmentState> segments_;
};

}  // namespace rlvr
#endif  // RLVR_MODEL_KV_CACHE_H_
