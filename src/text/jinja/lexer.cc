#include "text/jinja/lexer.h"

#include <array>
#include <string_view>

#include "base/error.h"
#include "text/jinja/text.h"

namespace rlvr::jinja {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// \r\n and \r are \n; a last one is left out.
std::string NormalLineBreaks(const std::string& source) {
  std::string text;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(const std::string& source, const std::string& place)
      : text_(NormalLineBreaks(source)), place_(place) {}

  std::vector<Token> Run() {
    while (at_ < text_.size()) Data();
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(place_ + ":" + std::to_string(line_), what, "is this a Jinja template?");
  }

  bool StartsWith(std::string_view s) const { return text_.compare(at_, s.size(), s) == 0; }

  void Advance(size_t n) {
    for (; n > 0; --n) line_ += text_[at_++] == '\n';
  }

  void Add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  // Text up to the next tag, then the tag.
  void Data() {
    size_t tag = at_;
    while (true) {
      tag = text_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= text_.size()) {
        tag = text_.size();
        break;
      }
      const char c = text_[tag + 1];
      if (c == '%' || c == '{' || c == '#') break;
      ++tag;
    }
    if (tag == text_.size()) {
      AddData(text_.substr(at_, tag - at_));
      return Advance(tag - at_);
    }
    const char kind = text_[tag + 1];
    const char sign = tag + 2 < text_.size() ? text_[tag + 2] : ' ';
    AddData(Before(at_, tag, sign, /*is_block=*/kind != '{'));
    Advance(tag - at_);
    Advance(sign == '-' || sign == '+' ? 3 : 2);
    if (kind == '#') return Comment();
    if (kind == '%' && IsRaw()) return Raw();
    Add(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kPrintBegin, "");
    Tag(kind == '%');
  }

  // What is left of the text before a tag.
  std::string Before(size_t begin, size_t end, char sign, bool is_block) const {
    std::string before = text_.substr(begin, end - begin);
    if (sign == '-') {
      before.resize(SpaceBegin(before, before.size()));
    } else if (sign != '+' && is_block) {
      const size_t line_break = before.rfind('\n');
      const size_t from = line_break == std::string::npos ? 0 : line_break + 1;
      // At the start of a line, blanks before the tag do not count.
      const bool line_starts = from > 0 || begin == 0 || text_[begin - 1] == '\n';
      if (line_starts && SpaceEnd(before, from) == before.size()) before.resize(from);
    }
    return before;
  }

  void AddData(std::string data) {
    if (!data.empty()) Add(TokenKind::kData, std::move(data));
  }

  // At "%}" or "#}" with an optional sign before it; false: elsewhere.
  bool End(const char* closing, bool trims_line) {
    const char c = text_[at_];
    const size_t sign = c == '-' || (c == '+' && trims_line) ? 1 : 0;
    if (text_.compare(at_ + sign, 2, closing) != 0) return false;
    Advance(sign + 2);
    if (c == '-') {
      Advance(SpaceEnd(text_, at_) - at_);
    } else if (sign == 0 && trims_line && at_ < text_.size() && text_[at_] == '\n') {
      Advance(1);
    }
    return true;
  }

  void Comment() {
    while (at_ < text_.size()) {
      if (End("#}", true)) return;
      Advance(1);
    }
    Fail("a comment has no end");
  }

  bool IsRaw() const {
    const size_t word = SpaceEnd(text_, at_);
    if (text_.compare(word, 3, "raw") != 0) return false;
    const size_t end = SpaceEnd(text_, word + 3);
    return text_.compare(end, 2, "%}") == 0 || text_.compare(end, 3, "-%}") == 0;
  }

  void Raw() {
    Advance(text_.find("%}", at_) - at_);
    const bool strips = text_[at_ - 1] == '-';
    Advance(2);
    if (strips) Advance(SpaceEnd(text_, at_) - at_);
    for (size_t tag = text_.find("{%", at_); tag != std::string::npos;
         tag = text_.find("{%", tag + 2)) {
      const char sign = tag + 2 < text_.size() ? text_[tag + 2] : ' ';
      const size_t word = SpaceEnd(text_, tag + (sign == '-' || sign == '+' ? 3 : 2));
      if (text_.compare(word, 6, "endraw") != 0) continue;
      AddData(Before(at_, tag, sign, true));
      Advance(SpaceEnd(text_, word + 6) - at_);
      if (at_ < text_.size() && End("%}", true)) return;
      Fail("'endraw' is not followed by %}");
    }
    Fail("'raw' has no 'endraw'");
  }

  void Tag(bool is_block) {
    std::string open;  // brackets that are open: "}}" may close two dicts
    while (true) {
      Advance(SpaceEnd(text_, at_) - at_);
      if (at_ >= text_.size()) Fail(is_block ? "'{%' has no end" : "'{{' has no end");
      const int line = line_;
      if (open.empty() && End(is_block ? "%}" : "}}", is_block)) {
        tokens_.push_back({is_block ? TokenKind::kBlockEnd : TokenKind::kPrintEnd, "", line});
        return;
      }
      const char c = text_[at_];
      if (c == '\'' || c == '"') {
        String(c);
      } else if (IsDigit(c)) {
        Number();
      } else if (IsNameStart(c)) {
        const size_t begin = at_;
        while (at_ < text_.size() && (IsNameStart(text_[at_]) || IsDigit(text_[at_]))) Advance(1);
        Add(TokenKind::kName, text_.substr(begin, at_ - begin));
      } else {
        Operator(&open);
      }
    }
  }

  void Operator(std::string* open) {
    static constexpr std::array<std::string_view, 26> kOperators = {
        "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
        ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", "|", ".", ",", ":", ";"};
    for (const auto& op : kOperators) {
      if (!StartsWith(op)) continue;
      if (op == "(") *open += ')';
      if (op == "[") *open += ']';
      if (op == "{") *open += '}';
      if (op == ")" || op == "]" || op == "}") {
        if (open->empty() || open->back() != op[0])
          Fail("'" + std::string(op) + "' closes nothing");
        open->pop_back();
      }
      Add(TokenKind::kOperator, std::string(op));
      return Advance(op.size());
    }
    Fail("'" + text_.substr(at_, PointLength(text_, at_)) + "' stands where none may");
  }

  void Number() {
    const size_t begin = at_;
    std::string digits;
    const auto run = [&] {
      while (at_ < text_.size() &&
             (IsDigit(text_[at_]) || (text_[at_] == '_' && at_ + 1 < text_.size() &&
                                      IsDigit(text_[at_ + 1]) && IsDigit(text_[at_ - 1])))) {
        if (text_[at_] != '_') digits += text_[at_];
        Advance(1);
      }
    };
    const auto digit_at = [&](size_t i) { return i < text_.size() && IsDigit(text_[i]); };
    run();
    bool real = false;
    // x.0 after a dot is an attribute of an attribute.
    const bool whole = begin == 0 || text_[begin - 1] != '.';
    if (whole && at_ < text_.size() && text_[at_] == '.' && digit_at(at_ + 1)) {
      real = true;
      digits += '.';
      Advance(1);
      run();
    }
    if (whole && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      const size_t sign =
          at_ + 1 < text_.size() && (text_[at_ + 1] == '+' || text_[at_ + 1] == '-');
      if (digit_at(at_ + 1 + sign)) {
        real = true;
        digits += text_.substr(at_, 1 + sign);
        Advance(1 + sign);
        run();
      }
    }
    if (at_ < text_.size() && IsNameStart(text_[at_]))
      Fail("the number '" + text_.substr(begin, at_ + 1 - begin) + "' is not supported");
    Add(real ? TokenKind::kFloat : TokenKind::kInteger, digits);
  }

  void String(char quote) {
    const int line = line_;
    std::string value;
    Advance(1);
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\') {
        value += text_[at_];
        Advance(1);
        continue;
      }
      Advance(1);
      if (at_ >= text_.size()) break;
      EscapeSequence(&value);
    }
    if (at_ >= text_.size()) {
      line_ = line;
      Fail("a string has no end");
    }
    Advance(1);
    tokens_.push_back({TokenKind::kString, std::move(value), line});
  }

  // Behind the backslash; as Python's.
  void EscapeSequence(std::string* value) {
    static constexpr std::string_view kLetters = "\\'\"abfnrtv", kBytes = "\\'\"\a\b\f\n\r\t\v";
    const char c = text_[at_];
    if (const size_t i = kLetters.find(c); i != std::string::npos) {
      *value += kBytes[i];
      return Advance(1);
    }
    if (c == '\n') return Advance(1);
    if (c == 'N') Fail("the escape sequence \\N is not supported");
    const bool octal = c >= '0' && c <= '7';
    const size_t digits = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {  // none: the backslash stays
      *value += '\\';
      return;
    }
    if (!octal) Advance(1);
    size_t n = 0;
    while (n < digits && at_ + n < text_.size()) {
      const char d = text_[at_ + n];
      const bool fits = octal ? d >= '0' && d <= '7' : std::isxdigit(static_cast<unsigned char>(d));
      if (!fits) break;
      ++n;
    }
    if (!octal && n < digits) Fail("an escape sequence is cut off");
    const auto point = std::stoll(text_.substr(at_, n), nullptr, octal ? 8 : 16);
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
      Fail("an escape sequence is no character");
    *value += Utf8(static_cast<int32_t>(point));
    Advance(n);
  }

  const std::string text_;
  const std::string& place_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Lex(const std::string& source, const std::string& place) {
  return Lexer(source, place).Run();
}

}  // namespace rlvr::jinja
