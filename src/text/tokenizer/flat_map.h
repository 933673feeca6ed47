// The two hash tables of a vocabulary: open addressing in one array, made once and then only read.
#ifndef RLVR_TEXT_TOKENIZER_FLAT_MAP_H_
#define RLVR_TEXT_TOKENIZER_FLAT_MAP_H_
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

inline uint64_t HashBytes(std::string_view s) {
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15;
  uint64_t h = s.size() * kMix;
  const auto mix = [&h](uint64_t word) {
    h = (h ^ word) * kMix;
    h ^= h >> 32;
  };
  const char* p = s.data();
  size_t n = s.size();
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    mix(word);
  }
  if (n > 0) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; ++i)
      word |= static_cast<uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
    mix(word);
  }
  return h ^ h >> 29;
}

// Pairs of tokens that are merged -> rank and result.
class MergeMap {
 public:
  struct Merge {
    uint64_t pair = kNone;
    int32_t rank = 0, result = 0;
  };

  explicit MergeMap(size_t count = 0) : slots_(std::bit_ceil(2 * count + 2)) {}
  // The last of several with one pair counts.
  void Set(int32_t left, int32_t right, int32_t rank, int32_t result) {
    Merge& slot = slots_[Slot(Key(left, right))];
    slot = {Key(left, right), rank, result};
  }
  const Merge* Find(int32_t left, int32_t right) const {
    const Merge& slot = slots_[Slot(Key(left, right))];
    return slot.pair == kNone ? nullptr : &slot;
  }

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t Slot(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    size_t i = (key * 0x9E3779B97F4A7C15) >> 32 & mask;
    while (slots_[i].pair != kNone && slots_[i].pair != key) i = (i + 1) & mask;
    return i;
  }
  std::vector<Merge> slots_;  // a power of two, at most half full
};

// Texts of tokens -> ids. The texts stay with the caller.
class TokenMap {
 public:
  explicit TokenMap(size_t count = 0) : ids_(std::bit_ceil(2 * count + 2), -1) {}
  void Set(const std::vector<std::string>& texts, int32_t id) {
    ids_[Slot(texts, texts[static_cast<size_t>(id)])] = id;
  }
  int32_t Find(const std::vector<std::string>& texts, std::string_view text) const {
    return ids_[Slot(texts, text)];
  }

 private:
  size_t Slot(const std::vector<std::string>& texts, std::string_view text) const {
    const size_t mask = ids_.size() - 1;
    size_t i = HashBytes(text) & mask;
    while (ids_[i] >= 0 && texts[static_cast<size_t>(ids_[i])] != text) i = (i + 1) & mask;
    return i;
  }
  std::vector<int32_t> ids_;  // a power of two, at most half full
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_FLAT_MAP_H_
