// LaTeX and plain-text mathematics -> tokens. Formatting (\left, \!, \displaystyle, spaces, dollars)
// is dropped here; \text{...} and the like become one token.
#ifndef RLVR_VERIFY_MATH_LEXER_H_
#define RLVR_VERIFY_MATH_LEXER_H_
#include <string>
#include <string_view>
#include <vector>

namespace rlvr::math {

enum class Token : uint8_t {
  kEnd,
  kNumber,   // text: digits, maybe with a point and an exponent of ten
  kLetter,   // text: one letter
  kText,     // text: what stood in \text{...}, trimmed
  kCommand,  // text: the name without its backslash; also words (sqrt, pi) and signs of Unicode
  kSign,     // text: one ASCII character, or one of != <= >= \{ \} \| \\ .
};

struct Lexeme {
  Token token = Token::kEnd;
  std::string text;
  bool space_before = false;
  size_t begin = 0;  // byte in the source
};

// nullopt-like: an empty result means that the text is too long or malformed.
std::vector<Lexeme> Lex(std::string_view latex);

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_LEXER_H_
