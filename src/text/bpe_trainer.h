// Trains a small byte-level BPE vocabulary: 256 bytes, merges by frequency (ties by lowest pair of
// ids), special tokens last.
#ifndef RLVR_TEXT_BPE_TRAINER_H_
#define RLVR_TEXT_BPE_TRAINER_H_
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace rlvr {

struct BpeTrainerOptions {
  int32_t vocab_size = 512;                 // with bytes and special tokens
  std::vector<std::string> special_tokens;  // get the last ids, in this order
  // Qwen2's pre-tokenizer pattern by default: digits one by one, words with their leading space.
  std::string pattern;
};
// The same texts give the same tokenizer, byte for byte.
Tokenizer TrainBpe(std::span<const std::string> texts, const BpeTrainerOptions& options);

}  // namespace rlvr
#endif  // RLVR_TEXT_BPE_TRAINER_H_
