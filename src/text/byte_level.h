// Pieces of byte-level BPE that reader and trainer share.
#ifndef RLVR_TEXT_BYTE_LEVEL_H_
#define RLVR_TEXT_BYTE_LEVEL_H_
#include <optional>
#include <string>
#include <string_view>

namespace rlvr {

// The pre-tokenizer patterns of GPT-2, Qwen2 (digits one by one) and Llama 3 (in threes).
extern const char* const kGpt2Pattern;
extern const char* const kQwen2Pattern;
extern const char* const kLlama3Pattern;

// tokenizer.json shows a byte as a printable character: itself where it is one, else the next from
// U+0100.
std::string VisibleOfBytes(std::string_view bytes);
// Nothing where one of the characters stands for no byte.
std::optional<std::string> ByteLevelBytes(std::string_view visible);

}  // namespace rlvr
#endif  // RLVR_TEXT_BYTE_LEVEL_H_
