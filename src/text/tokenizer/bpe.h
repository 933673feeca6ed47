// The model of a tokenizer.json: its vocabulary, and pieces of text -> tokens by merging pairs.
#ifndef RLVR_TEXT_TOKENIZER_BPE_H_
#define RLVR_TEXT_TOKENIZER_BPE_H_
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer/flat_map.h"
#include "text/tokenizer/part.h"

namespace rlvr {

// Byte-level models read a piece byte by byte (their file shows bytes as printable characters), the
// others character by character, with a token for each byte of what is not in the vocabulary where
// byte_fallback is set, else the unknown token.
class Bpe {
 public:
  Bpe(const Part& model, bool byte_level);

  // Appends the tokens of a piece. Thread-safe: each thread remembers frequent pieces for itself.
  void Encode(std::string_view piece, std::vector<int32_t>* out) const;

  int32_t Find(std::string_view text) const;        // as the file writes it; -1 if there is none
  int32_t FindBytes(std::string_view bytes) const;  // of a piece; -1 if there is none
  size_t num_tokens() const { return num_tokens_; }
  // [highest id + 1], as the file writes them; empty where an id has none.
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  void ReadVocab(const Part& model);
  void ReadMerges(const Part& model);
  void EncodeCached(std::string_view piece, std::vector<int32_t>* out) const;
  void EncodePiece(std::string_view piece, std::vector<int32_t>* out) const;
  void Symbols(std::string_view piece, std::vector<int32_t>* out) const;
  void MergeShort(int32_t* symbols, size_t* count) const;
  void MergeLong(std::vector<int32_t>* symbols) const;

  bool byte_level_, ignore_merges_, fuse_unk_, byte_fallback_;
  // No merge joins something with a marker U+2581 behind it: text can be cut before such a marker.
  bool cut_before_marker_ = false;
  int32_t unk_ = -1;
  size_t num_tokens_ = 0;
  uint32_t number_;                         // of this model in this process, for the caches
  std::vector<std::string> texts_, bytes_;  // bytes_: of byte-level models only
  TokenMap by_text_, by_bytes_;
  MergeMap merges_;
  std::array<int32_t, 256> byte_ids_;  // tokens of single bytes (byte-level) or ASCII characters
  std::array<int32_t, 256> fallback_;  // <0x00> to <0xFF>; -1 where there is none
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_BPE_H_
