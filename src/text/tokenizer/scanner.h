// The pre-tokenizer patterns of the well-known families by hand: the same pieces as their regular
// expressions, many times as fast.
#ifndef RLVR_TEXT_TOKENIZER_SCANNER_H_
#define RLVR_TEXT_TOKENIZER_SCANNER_H_
#include <cstddef>
#include <optional>
#include <string_view>

namespace rlvr {

enum class Scanner {
  kGpt2,    // ByteLevel's own pattern
  kQwen2,   // digits one by one
  kLlama3,  // digits in threes
};

// The scanner for a regular expression, if there is one.
std::optional<Scanner> ScannerOf(std::string_view pattern);

// Where the piece that starts at `at` ends; at < text.size(). A byte that starts no valid character
// counts as a symbol.
size_t NextPiece(Scanner scanner, std::string_view text, size_t at);

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_SCANNER_H_
