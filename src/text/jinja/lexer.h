// Template text -> tokens, with Jinja's white space rules as chat templates have them: trim_blocks
// and lstrip_blocks on, one line break at the template's end removed.
#ifndef RLVR_TEXT_JINJA_LEXER_H_
#define RLVR_TEXT_JINJA_LEXER_H_
#include <string>
#include <vector>

namespace rlvr::jinja {

enum class TokenKind {
  kData,        // text between tags
  kBlockBegin,  // {%
  kBlockEnd,
  kPrintBegin,  // {{
  kPrintEnd,
  kName,
  kString,  // decoded
  kInteger,
  kFloat,
  kOperator,
  kEnd,  // of the template
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;

  bool Is(TokenKind k, const char* t) const { return kind == k && text == t; }
};

// Throws Error: place:LINE.
std::vector<Token> Lex(const std::string& source, const std::string& place);

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_LEXER_H_
