#include "text/tokenizer/scanner.h"

#include "text/byte_level.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

using unicode::kLetter;
using unicode::kNumber;
using unicode::kSpace;

struct ScanCursor {
  std::string_view text;
  size_t at;
  uint8_t classes = 0;  // of the character at `at`; 0 at the end
  uint32_t size = 0;    // of it; 0 at the end

  ScanCursor(std::string_view t, size_t from) : text(t), at(from) { Look(); }
  void Look() {
    if (at >= text.size()) {
      classes = 0;
      size = 0;
      return;
    }
    const unicode::Char c = unicode::At(text, at);
    classes = unicode::Classes(c.point);
    size = c.size;
  }
  void Step() {
    at += size;
    Look();
  }
  bool End() const { return size == 0; }
  bool Is(uint8_t any) const { return (classes & any) != 0; }
  bool IsSymbol() const { return !End() && !Is(kLetter | kNumber | kSpace); }
  bool IsLineBreak() const { return !End() && (text[at] == '\n' || text[at] == '\r'); }
};

// The length of 's, 't, 're, 've, 'm, 'll or 'd at text[at], 0 if there is none. Without case, the
// long s is an s.
size_t Contraction(std::string_view text, size_t at, bool any_case) {
  const auto letter = [&](size_t i) -> char {
    if (at + i >= text.size()) return 0;
    const char c = text[at + i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  if (letter(0) != '\'') return 0;
  const char a = letter(1), b = letter(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
  if (any_case && a == '\xC5' && at + 2 < text.size() && text[at + 2] == '\xBF') return 3;
  return 0;
}

// \s+(?!\S)|\s+ : spaces before something else leave it the last one.
size_t Spaces(ScanCursor c) {
  size_t last = c.at, count = 0;
  for (; c.Is(kSpace); c.Step(), ++count) last = c.at;
  return c.End() || count == 1 ? c.at : last;
}

size_t NextGpt2(std::string_view text, size_t at) {
  if (const size_t n = Contraction(text, at, false)) return at + n;
  ScanCursor c(text, at);
  if (text[at] == ' ') {
    c.Step();
    if (c.End() || c.Is(kSpace)) return Spaces(ScanCursor(text, at));
  }
  if (c.Is(kLetter)) {
    while (c.Is(kLetter)) c.Step();
  } else if (c.Is(kNumber)) {
    while (c.Is(kNumber)) c.Step();
  } else if (c.IsSymbol()) {
    while (c.IsSymbol()) c.Step();
  } else {
    return Spaces(c);
  }
  return c.at;
}

size_t NextQwen2(std::string_view text, size_t at, int max_digits) {
  if (const size_t n = Contraction(text, at, true)) return at + n;
  ScanCursor c(text, at);
  // [^\r\n\p{L}\p{N}]?\p{L}+
  ScanCursor word = c;
  if (!word.Is(kLetter | kNumber) && !word.IsLineBreak()) word.Step();
  if (word.Is(kLetter)) {
    while (word.Is(kLetter)) word.Step();
    return word.at;
  }
  // \p{N}{1,max}
  if (c.Is(kNumber)) {
    for (int n = 0; n < max_digits && c.Is(kNumber); ++n) c.Step();
    return c.at;
  }
  //  ?[^\s\p{L}\p{N}]+[\r\n]*
  ScanCursor symbols = c;
  if (text[at] == ' ') symbols.Step();
  if (symbols.IsSymbol()) {
    while (symbols.IsSymbol()) symbols.Step();
    while (symbols.IsLineBreak()) symbols.Step();
    return symbols.at;
  }
  // \s*[\r\n]+ : to behind the last line break of the run of spaces
  size_t behind_break = 0;
  for (ScanCursor s = c; s.Is(kSpace);) {
    const bool line_break = s.IsLineBreak();
    s.Step();
    if (line_break) behind_break = s.at;
  }
  return behind_break ? behind_break : Spaces(c);
}

}  // namespace

std::optional<Scanner> ScannerOf(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return Scanner::kGpt2;
  if (pattern == kQwen2Pattern) return Scanner::kQwen2;
  if (pattern == kLlama3Pattern) return Scanner::kLlama3;
  return std::nullopt;
}

size_t NextPiece(Scanner scanner, std::string_view text, size_t at) {
  switch (scanner) {
    case Scanner::kGpt2:
      return NextGpt2(text, at);
    case Scanner::kQwen2:
      return NextQwen2(text, at, 1);
    case Scanner::kLlama3:
      return NextQwen2(text, at, 3);
  }
  return text.size();
}

}  // namespace rlvr
