#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace rlvr {

KvCache::KvCache(const ModelConfig& config, ComputeType type)
    : shape_(config.attention(0)), type_(type), num_layers_(config.num_hidden_layers) {
  const int64_t element = type == ComputeType::kFp32 ? 4 : 2;
  page_bytes_ = shape_.num_kv_heads * shape_.head_dim * kPageTokens * element;
  k_.resize(static_cast<size_t>(num_layers_));
  v_.resize(static_cast<size_t>(num_layers_));
}

void KvCache::Grow() {
  const int64_t pages = std::max<int64_t>(64, num_pages_ * 3 / 2);
  for (auto* pool : {&k_, &v_}) {
    for (auto& buffer : *pool) {
      AlignedBuffer<uint8_t> larger(pages * page_bytes_);
      // Zeros, so that lanes past a page's count never hold a NaN pattern that slows arithmetic
      // down.
      std::memset(larger.data(), 0, static_cast<size_t>(larger.size()));
      if (num_pages_ > 0)
        std::memcpy(larger.data(), buffer.data(), static_cast<size_t>(num_pages_ * page_bytes_));
      buffer = std::move(larger);
    }
  }
  for (int64_t p = pages - 1; p >= num_pages_; --p) free_pages_.push_back(static_cast<int32_t>(p));
  num_pages_ = pages;
}

int32_t KvCache::AddSegment(int32_t parent) {
  int32_t id;
  if (free_segments_.empty()) {
    id = static_cast<int32_t>(segments_.size());
    segments_.emplace_back();
  } else {
    id = free_segments_.back();
    free_segments_.pop_back();
  }
  SegmentState& s = segments_[id];
  s.parent = parent;
  s.references = 1;
  s.live = true;
  s.length = 0;
  s.start = 0;
  s.pages.clear();
  if (parent >= 0) {
    RLVR_CHECK(segments_[parent].references > 0) << parent;
    ++segments_[parent].references;
    s.start = segments_[parent].start + segments_[parent].length;
  }
  return id;
}

void KvCache::Release(int32_t segment) {
  RLVR_CHECK(segments_[segment].live) << segment;
  segments_[segment].live = false;
  Unreference(segment);
}

void KvCache::Unreference(int32_t segment) {
  while (segment >= 0 && --segments_[segment].references == 0) {
    SegmentState& s = segments_[segment];
    free_pages_.insert(free_pages_.end(), s.pages.rbegin(), s.pages.rend());
    s.pages.clear();
    free_segments_.push_back(segment);
    segment = s.parent;
  }
}

void KvCache::Clear() {
  segments_.clear();
  free_segments_.clear();
  free_pages_.clear();
  for (int64_t p = num_pages_ - 1; p >= 0; --p) free_pages_.push_back(static_cast<int32_t>(p));
}

int64_t KvCache::Length(int32_t segment) const { return segments_[segment].length; }
int64_t KvCache::EndPosition(int32_t segment) const {
  return segments_[segment].start + segments_[segment].length;
}

void KvCache::Append(int32_t segment, int64_t n, std::vector<KvSlot>* slots) {
  SegmentState& s = segments_[segment];
  RLVR_CHECK(s.live && s.references == 1)
      << "segment " << segment << " has children: it cannot grow";
  for (int64_t i = 0; i < n; ++i) {
    const int64_t offset = s.length % kPageTokens;
    if (offset == 0) {
      if (free_pages_.empty()) Grow();
      s.pages.push_back(free_pages_.back());
      free_pages_.pop_back();
    }
    slots->push_back({s.pages.back(), static_cast<int32_t>(offset)});
    ++s.length;
  }
}

void KvCache::Truncate(int32_t segment, int64_t n) {
  SegmentState& s = segments_[segment];
  RLVR_CHECK(s.live && s.references == 1)
      << "segment " << segment << " has children: it cannot shrink";
  RLVR_CHECK(n >= 0 && n <= s.length) << n << " " << s.length;
  s.length -= n;
  const auto pages = static_cast<size_t>((s.length + kPageTokens - 1) / kPageTokens);
  while (s.pages.size() > pages) {
    free_pages_.push_back(s.pages.back());
    s.pages.pop_back();
  }
}

void KvCache::AddRun(int32_t segment, int64_t num_rows, int64_t row,
                     const std::vector<int64_t>* row_of_segment, BlockTable* table) const {
  const SegmentState& own = segments_[segment];
  RLVR_CHECK(num_rows <= own.length) << num_rows << " " << own.length;
  AttentionRun run{.row = row, .num_rows = num_rows, .position = own.start + own.length - num_rows};
  run.block_begin = static_cast<int64_t>(table->blocks.size());
  thread_local std::vector<int32_t> path;
  path.clear();
  for (int32_t s = segment; s >= 0; s = segments_[s].parent) path.push_back(s);
  for (size_t depth = path.size(); depth-- > 0;) {
    const SegmentState& s = segments_[path[depth]];
    for (int64_t i = 0; i < s.length; i += kPageTokens) {
      const int64_t first = row_of_segment ? (*row_of_segment)[path[depth]] + i : -1;
      table->blocks.push_back({s.pages[i / kPageTokens],
                               static_cast<int32_t>(std::min(kPageTokens, s.length - i)),
                               s.start + i, first});
    }
  }
  run.block_end = static_cast<int64_t>(table->blocks.size());
  table->runs.push_back(run);
}

KvLayer KvCache::layer(int64_t l) const {
  return {const_cast<uint8_t*>(k_[l].data()), const_cast<uint8_t*>(v_[l].data()), type_};
}

int64_t KvCache::bytes() const { return 2 * num_layers_ * num_pages_ * page_bytes_; }
int64_t KvCache::pages_in_use() const {
  return num_pages_ - static_cast<int64_t>(free_pages_.size());
}

}  // namespace rlvr
