// Characters as the tokenizers' rules see them: UTF-8 in and out, classes, normal forms.
#ifndef RLVR_TEXT_TOKENIZER_UNICODE_H_
#define RLVR_TEXT_TOKENIZER_UNICODE_H_
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rlvr::unicode {

// Classes of a character, as bits.
enum : uint8_t {
  kLetter = 1,        // \p{L}
  kNumber = 2,        // \p{N}
  kSpace = 4,         // White_Space: \s of Oniguruma and of Rust
  kWord = 8,          // \w: alphabetic, mark, decimal digit, connector punctuation
  kPunctuation = 16,  // \p{P}, or punctuation in ASCII
  kNfcInert = 32,     // text of such characters alone is NFC already
};

struct Char {
  int32_t point;  // -1 where no valid UTF-8 starts: one byte, and no class at all
  uint32_t size;  // in bytes
};

// The character at text[at]; at < text.size(). A byte that starts no valid character is one of its
// own.
inline Char At(std::string_view text, size_t at);
uint8_t Classes(int32_t point);
bool IsNumericToDigits(int32_t point);  // to the pre-tokenizer Digits: a few more than kNumber
bool IsWordOrJoiner(int32_t point);     // \w of Rust's regular expressions

bool IsAscii(std::string_view text);
bool IsValid(std::string_view text);  // UTF-8
void Append(int32_t point, std::string* out);
// Each longest wrong piece becomes one U+FFFD, as in Python's errors="replace" and WHATWG's decoder.
std::string ReplaceInvalid(std::string_view text);
// How many bytes at the end of text start a character that more bytes could complete (0 to 3).
size_t IncompleteTail(std::string_view text);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// True if it is plain to see that the text is in this form already.
bool IsUnchanged(std::string_view text, NormalForm form);
// Invalid bytes stay where they are; what is between them is normalised.
std::string Normalize(std::string_view text, NormalForm form);
std::string Lowercase(std::string_view text);  // character by character, as Rust's to_lowercase

// ---- the parts that must be fast -----------------------------------------------------------------

Char DecodeMultibyte(std::string_view text, size_t at);

inline Char At(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 128) return {first, 1};
  return DecodeMultibyte(text, at);
}

}  // namespace rlvr::unicode
#endif  // RLVR_TEXT_TOKENIZER_UNICODE_H_
