// Pieces of byte-level BPE that reader and trainer share.
#ifndef RLVR_TEXT_BYTE_LEVEL_H_
#define RLVR_TEXT_BYTE_LEVEL_H_
#include <string>
#include <string_view>

namespace rlvr {

// The pre-tokenizer patterns of GPT-2 and Qwen2 (digits one by one).
extern const char* const kGpt2Pattern;
extern const char* const kQwen2Pattern;

// tokenizer.json shows a byte as a printable character: itself where it is one, else the next from
// U+0100.
std::string VisibleOfBytes(std::string_view bytes);
// Characters that stand for no byte are kept as they are (added tokens).
std::string BytesOfVisible(std::string_view visible);

std::string NormalizeNfc(std::string_view text);  // invalid UTF-8 comes back unchanged

}  // namespace rlvr
#endif  // RLVR_TEXT_BYTE_LEVEL_H_
