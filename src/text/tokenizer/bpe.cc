#include "text/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "text/byte_level.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

constexpr std::string_view kMarker = "\xE2\x96\x81";  // U+2581, SentencePiece's space
constexpr int64_t kMaxId = 10'000'000;

// What a thread remembers of pieces: one slot for each hash, the newest wins.
struct CachedPiece {
  static constexpr size_t kMaxBytes = 26, kMaxTokens = 8;
  uint32_t model = 0;  // Bpe's number_; 0 is nobody's
  uint8_t num_bytes = 0, num_tokens = 0;
  char bytes[kMaxBytes];
  int32_t tokens[kMaxTokens];
};
static_assert(sizeof(CachedPiece) == 64);
constexpr size_t kCacheSlots = size_t{1} << 14;

CachedPiece* Cache() {
  thread_local const auto slots = std::make_unique<CachedPiece[]>(kCacheSlots);
  return slots.get();
}

}  // namespace

Bpe::Bpe(const Part& model, bool byte_level) : byte_level_(byte_level) {
  static std::atomic<uint32_t> models{0};
  number_ = ++models;
  if (model.Has("type") && model.Type() != "BPE") model.Unsupported("type");
  if (model.Has("dropout") && model.At("dropout").json() != 0) model.Unsupported("dropout");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (model.Has(affix) && !model.String(affix).empty()) model.Unsupported(affix);
  ignore_merges_ = model.Bool("ignore_merges", false);
  fuse_unk_ = model.Bool("fuse_unk", false);
  byte_fallback_ = model.Bool("byte_fallback", false);
  ReadVocab(model);
  ReadMerges(model);
  if (model.Has("unk_token")) {
    unk_ = Find(model.String("unk_token"));
    // Every byte has a token in byte-level models, so that nothing is unknown.
    if (unk_ < 0 && !byte_level_)
      model.At("unk_token").Fail("is not in the vocabulary", "is the file damaged?");
  }
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    const bool is_symbol = byte_level_ || b < 128;
    byte_ids_[static_cast<size_t>(b)] = is_symbol ? FindBytes(byte) : -1;
    fallback_[static_cast<size_t>(b)] = byte_fallback_ ? Find(fmt::format("<0x{:02X}>", b)) : -1;
  }
}

void Bpe::ReadVocab(const Part& model) {
  const Part vocab = model.At("vocab");
  if (!vocab.json().is_object()) vocab.Fail("is no table of tokens", "is the file damaged?");
  for (const auto& [token, value] : vocab.json().items()) {
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > kMaxId) {
      vocab.Fail("gives token '" + token + "' the id " + value.dump() + ", which is out of range",
                 "is the file damaged?");
    }
    const auto id = value.get<size_t>();
    if (id >= texts_.size()) texts_.resize(id + 1);
    texts_[id] = token;
  }
  const size_t count = vocab.json().size();
  by_text_ = TokenMap(count);
  by_bytes_ = TokenMap(count);
  if (byte_level_) bytes_.resize(texts_.size());
  for (const auto& [token, value] : vocab.json().items()) {
    const auto id = value.get<int32_t>();
    const auto i = static_cast<size_t>(id);
    if (texts_[i] != token) {
      vocab.Fail("gives the id " + std::to_string(id) + " to two tokens, '" + texts_[i] +
                     "' and '" + token + "'",
                 "is the file damaged?");
    }
    by_text_.Set(texts_, id);
    if (const auto bytes = byte_level_ ? ByteLevelBytes(token) : std::nullopt) {
      bytes_[i] = *bytes;
      by_bytes_.Set(bytes_, id);
    }
  }
  num_tokens_ = count;
}

void Bpe::ReadMerges(const Part& model) {
  const Part list = model.At("merges");
  if (!list.json().is_array()) list.Fail("is no list", "is the file damaged?");
  merges_ = MergeMap(list.json().size());
  cut_before_marker_ = !byte_level_ && Find(kMarker) >= 0;
  int32_t rank = 0;
  std::string a, b;
  for (const auto& merge : list.json()) {
    const auto is_pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (is_pair) {
      a = merge[0].get_ref<const std::string&>();
      b = merge[1].get_ref<const std::string&>();
    } else {
      const std::string s = merge.is_string() ? merge.get<std::string>() : "";
      const size_t space = s.find(' ');
      if (space == std::string::npos || s.find(' ', space + 1) != std::string::npos)
        list.Fail("has " + merge.dump() + ", which is no pair", "is the file damaged?");
      a = s.substr(0, space);
      b = s.substr(space + 1);
    }
    const int32_t left = Find(a), right = Find(b), result = Find(a + b);
    if (left < 0 || right < 0 || result < 0)
      list.Fail("'" + a + " " + b + "' is not in the vocabulary", "is the file damaged?");
    merges_.Set(left, right, rank++, result);
    if (b.starts_with(kMarker) && !a.ends_with(kMarker)) cut_before_marker_ = false;
  }
}

int32_t Bpe::Find(std::string_view text) const { return by_text_.Find(texts_, text); }

int32_t Bpe::FindBytes(std::string_view bytes) const {
  return byte_level_ ? by_bytes_.Find(bytes_, bytes) : Find(bytes);
}

void Bpe::Encode(std::string_view piece, std::vector<int32_t>* out) const {
  if (!cut_before_marker_ || piece.size() <= CachedPiece::kMaxBytes)
    return EncodeCached(piece, out);
  if (ignore_merges_) {
    if (const int32_t id = FindBytes(piece); id >= 0) return out->push_back(id);
  }
  size_t begin = 0;
  for (size_t at = piece.find(kMarker, 1); at != piece.npos; at = piece.find(kMarker, at + 3)) {
    if (piece.substr(begin, at - begin).ends_with(kMarker)) continue;
    EncodeCached(piece.substr(begin, at - begin), out);
    begin = at;
  }
  EncodeCached(piece.substr(begin), out);
}

void Bpe::EncodeCached(std::string_view piece, std::vector<int32_t>* out) const {
  if (piece.size() > CachedPiece::kMaxBytes) return EncodePiece(piece, out);
  CachedPiece& slot = Cache()[(HashBytes(piece) ^ number_) % kCacheSlots];
  if (slot.model == number_ && std::string_view(slot.bytes, slot.num_bytes) == piece) {
    out->insert(out->end(), slot.tokens, slot.tokens + slot.num_tokens);
    return;
  }
  const size_t before = out->size();
  EncodePiece(piece, out);
  const size_t count = out->size() - before;
  if (count > CachedPiece::kMaxTokens) return;
  slot.model = number_;
  slot.num_bytes = static_cast<uint8_t>(piece.size());
  slot.num_tokens = static_cast<uint8_t>(count);
  std::copy(piece.begin(), piece.end(), slot.bytes);
  std::copy(out->end() - static_cast<ptrdiff_t>(count), out->end(), slot.tokens);
}

void Bpe::EncodePiece(std::string_view piece, std::vector<int32_t>* out) const {
  if (ignore_merges_) {
    if (const int32_t id = FindBytes(piece); id >= 0) return out->push_back(id);
  }
  constexpr size_t kShort = 64;
  std::vector<int32_t> symbols;
  Symbols(piece, &symbols);
  if (symbols.size() <= kShort) {
    size_t count = symbols.size();
    MergeShort(symbols.data(), &count);
    symbols.resize(count);
  } else {
    MergeLong(&symbols);
  }
  out->insert(out->end(), symbols.begin(), symbols.end());
}

// The tokens before any merge. An unknown character without an unknown token is left out.
void Bpe::Symbols(std::string_view piece, std::vector<int32_t>* out) const {
  bool unknown = false;  // one stands before what comes next
  const auto add = [&](int32_t id) {
    if (unknown) out->push_back(unk_);
    unknown = false;
    out->push_back(id);
  };
  const auto add_unknown = [&](std::string_view character) {
    const auto has_token = [&](char c) { return fallback_[static_cast<unsigned char>(c)] >= 0; };
    if (byte_fallback_ && std::all_of(character.begin(), character.end(), has_token)) {
      // These pass an unknown token that waits, as in the library.
      for (const char c : character) out->push_back(fallback_[static_cast<unsigned char>(c)]);
    } else if (unk_ >= 0) {
      if (unknown && !fuse_unk_) out->push_back(unk_);
      unknown = true;
    }
  };
  for (size_t at = 0; at < piece.size();) {
    const auto byte = static_cast<unsigned char>(piece[at]);
    if (const int32_t id = byte_ids_[byte]; id >= 0) {
      add(id);
      ++at;
    } else if (byte_level_) {
      add_unknown(VisibleOfBytes(piece.substr(at, 1)));
      ++at;
    } else {
      const std::string_view character = piece.substr(at, unicode::At(piece, at).size);
      if (const int32_t known = Find(character); known >= 0)
        add(known);
      else
        add_unknown(character);
      at += character.size();
    }
  }
  if (unknown) out->push_back(unk_);
}

// The lowest rank first, the leftmost of several; ranks of neighbours stand beside the symbols.
void Bpe::MergeShort(int32_t* symbols, size_t* count) const {
  size_t n = *count;
  if (n < 2) return;
  int32_t ranks[64], results[64];
  const auto look = [&](size_t i) {
    const auto* merge = i + 1 < n ? merges_.Find(symbols[i], symbols[i + 1]) : nullptr;
    ranks[i] = merge ? merge->rank : INT_MAX;
    results[i] = merge ? merge->result : 0;
  };
  for (size_t i = 0; i < n; ++i) look(i);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == INT_MAX) break;
    symbols[best] = results[best];
    for (size_t i = best + 1; i + 1 < n; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
      results[i] = results[i + 1];
    }
    --n;
    look(best);
    if (best > 0) look(best - 1);
  }
  *count = n;
}

// The same with a queue, for pieces of any length.
void Bpe::MergeLong(std::vector<int32_t>* symbols) const {
  struct Candidate {
    int32_t rank, at, result;
  };
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  std::vector<int32_t>& s = *symbols;
  const auto n = static_cast<int32_t>(s.size());
  std::vector<int32_t> next(s.size()), previous(s.size());
  std::vector<Candidate> queue;
  const auto candidate = [&](int32_t at) {
    const int32_t right = next[static_cast<size_t>(at)];
    if (right == n) return;
    const auto* merge = merges_.Find(s[static_cast<size_t>(at)], s[static_cast<size_t>(right)]);
    if (merge) queue.push_back({merge->rank, at, merge->result});
  };
  for (int32_t i = 0; i < n; ++i) {
    next[static_cast<size_t>(i)] = i + 1;
    previous[static_cast<size_t>(i)] = i - 1;
  }
  for (int32_t i = 0; i < n; ++i) candidate(i);
  std::make_heap(queue.begin(), queue.end(), later);
  constexpr int32_t kGone = -1;
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const Candidate top = queue.back();
    queue.pop_back();
    const auto at = static_cast<size_t>(top.at);
    if (s[at] == kGone || next[at] == n) continue;
    const auto right = static_cast<size_t>(next[at]);
    const auto* merge = merges_.Find(s[at], s[right]);
    if (!merge || merge->result != top.result) continue;  // a neighbour has changed since
    s[at] = top.result;
    s[right] = kGone;
    next[at] = next[right];
    if (next[at] < n) previous[static_cast<size_t>(next[at])] = top.at;
    size_t before = queue.size();
    const auto push = [&](int32_t i) {
      candidate(i);
      for (; before < queue.size(); ++before)
        std::push_heap(queue.begin(), queue.begin() + static_cast<ptrdiff_t>(before) + 1, later);
    };
    if (previous[at] >= 0) push(previous[at]);
    push(top.at);
  }
  std::erase(s, kGone);
}

}  // namespace rlvr
