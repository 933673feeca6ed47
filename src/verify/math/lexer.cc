#include "verify/math/lexer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "verify/math/characters.h"
#include "verify/math/lexer_tables.h"
#include "verify/math/limits.h"

namespace rlvr::math {
namespace {

using std::string_view;

class Lexer {
 public:
  explicit Lexer(string_view s) : s_(s) {
    // "\\frac" with a doubled backslash is common; rows of matrices end in "\\" as well.
    rows_ = s.find("\\begin") != string_view::npos;
  }

  std::vector<Lexeme> Run() {
    if (s_.size() > kMaxLatex) return {};
    while (at_ < s_.size()) {
      if (!Next() || out_.size() > kMaxNodes) return {};
    }
    Push(Token::kEnd, "", at_);
    return std::move(out_);
  }

 private:
  void Push(Token token, string_view text, size_t begin) {
    out_.push_back({token, std::string(text), space_, begin});
    space_ = false;
  }
  void Space() { space_ = true; }
  char Peek(size_t ahead = 0) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }
  void SkipSpaces() {
    while (IsSpace(Peek())) ++at_;
  }

  bool Next() {
    const char c = Peek();
    const size_t begin = at_;
    if (IsSpace(c) || c == '~' || c == '$' || c == '"') {
      ++at_;
      Space();
      return true;
    }
    if (c == '\\') return Backslash();
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return NumberToken();
    if (IsLetter(c)) return Word();
    if (static_cast<unsigned char>(c) >= 0x80) return UnicodeSign();
    ++at_;
    const char next = Peek();
    if (next == '=' && (c == '!' || c == '<' || c == '>' || c == '=')) {
      ++at_;
      Push(Token::kSign, c == '=' ? "=" : std::string{c, '='}, begin);
      return true;
    }
    if (c == '*' && next == '*') {
      ++at_;
      Push(Token::kSign, "^", begin);
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return false;
    Push(Token::kSign, string_view(&s_[begin], 1), begin);
    return true;
  }

  void Decimals(std::string* text) {
    const size_t begin = at_++;
    while (IsDigit(Peek())) ++at_;
    *text += s_.substr(begin, at_ - begin);
  }

  bool NumberToken() {
    const size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    std::string text(s_.substr(begin, at_ - begin));
    // "5." at the end of a sentence is 5.
    if (Peek() == '.' && IsDigit(Peek(1))) Decimals(&text);
    // 10{,}000 and 32,\!349
    while (true) {
      size_t mark = 0;
      for (const string_view separator : {"{,}", ",\\!", "{,}\\!"}) {
        if (s_.substr(at_).starts_with(separator)) mark = std::max(mark, separator.size());
      }
      if (mark == 0 || text.find('.') != std::string::npos) break;
      size_t digits = at_ + mark;
      while (digits < s_.size() && IsSpace(s_[digits])) ++digits;
      size_t end = digits;
      while (end < s_.size() && IsDigit(s_[end])) ++end;
      if (end - digits != 3) break;
      text += s_.substr(digits, 3);
      at_ = end;
    }
    if (text.find('.') == std::string::npos && Peek() == '.' && IsDigit(Peek(1))) Decimals(&text);
    const char e = Peek();
    if (e == 'e' || e == 'E') {
      const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
      if (IsDigit(Peek(1 + sign))) {
        const size_t from = at_;
        at_ += 1 + sign;
        while (IsDigit(Peek())) ++at_;
        text += s_.substr(from, at_ - from);
      }
    }
    Push(Token::kNumber, text, begin);
    return true;
  }

  bool Word() {
    const size_t begin = at_;
    size_t end = at_;
    while (end < s_.size() && IsLetter(s_[end])) ++end;
    const string_view word = s_.substr(begin, end - begin);
    if (word == "and" || word == "or") {
      at_ = end;
      Push(Token::kSign, ",", begin);
      return true;
    }
    if (word == "percent" || word == "percentage" || word == "pct") {
      at_ = end;
      Push(Token::kSign, "%", begin);
      return true;
    }
    if (word.size() > 1 && In(word, kWords)) {
      at_ = end;
      Push(Token::kCommand, word == "inf" || word == "infinity" ? "infty" : word, begin);
      return true;
    }
    // A space stands before the first letter of a word alone.
    for (; at_ < end; ++at_) Push(Token::kLetter, s_.substr(at_, 1), at_);
    return true;
  }

  bool UnicodeSign() {
    const size_t begin = at_;
    for (const string_view money : kMoney) {
      if (!s_.substr(at_).starts_with(money)) continue;
      at_ += money.size();
      Space();
      return true;
    }
    for (const auto& [sign, name] : kUnicode) {
      if (!s_.substr(at_).starts_with(sign)) continue;
      at_ += sign.size();
      if (name == " ") {
        Space();
      } else if (name == "circ") {
        Space();  // degrees are counted as such
      } else if (name == "^2" || name == "^3") {
        Push(Token::kSign, "^", begin);
        Push(Token::kNumber, name.substr(1), begin);
      } else if (name.size() == 3 && name[1] == '/') {
        Push(Token::kCommand, "vulgar", begin);
        out_.back().text += name;
      } else {
        Push(name.size() == 1 ? Token::kSign : Token::kCommand, name, begin);
      }
      return true;
    }
    // Letters of other alphabets: a run of them is text.
    size_t end = at_ + 1;
    while (end < s_.size() && (static_cast<unsigned char>(s_[end]) & 0xc0) == 0x80) ++end;
    if (!out_.empty() && out_.back().token == Token::kText && !space_ && other_end_ == at_) {
      out_.back().text += s_.substr(begin, end - begin);
    } else {
      Push(Token::kText, s_.substr(begin, end - begin), begin);
    }
    at_ = other_end_ = end;
    return true;
  }

  // The content of {...} at at_, which then stands behind it; false if the braces do not balance.
  bool Braced(std::string* content) {
    if (Peek() != '{') return false;
    int depth = 0;
    for (size_t i = at_; i < s_.size(); ++i) {
      if (s_[i] == '\\') {
        ++i;
        continue;
      }
      depth += s_[i] == '{' ? 1 : s_[i] == '}' ? -1 : 0;
      if (depth == 0) {
        *content = s_.substr(at_ + 1, i - at_ - 1);
        at_ = i + 1;
        return true;
      }
    }
    return false;
  }

  bool TextCommand(string_view name, size_t begin) {
    SkipSpaces();
    std::string content;
    if (!Braced(&content)) {  // \mathbf x
      if (IsLetter(Peek())) return true;
      return false;
    }
    const auto space = [](char c) { return IsSpace(c) || c == '~' || c == '$'; };
    size_t from = 0, to = content.size();
    while (from < to && space(content[from])) ++from;
    while (to > from && (space(content[to - 1]) || content[to - 1] == ',')) --to;
    std::string text = content.substr(from, to - from);
    if (text.starts_with(", ")) text.erase(0, 2);
    if (text.empty()) {
      if (content.find(',') != std::string::npos) Push(Token::kSign, ",", begin);
      Space();
      return true;
    }
    if (text == "and" || text == "or") {
      Push(Token::kSign, ",", begin);
    } else if (text == "percent" || text == "percentage" || text == "pct" || text == "\\%" ||
               text == "%") {
      Push(Token::kSign, "%", begin);
    } else if (name == "operatorname" || In(text, kWords)) {
      Push(Token::kCommand, text, begin);
    } else {
      Push(Token::kText, text, begin);
    }
    return true;
  }

  bool Backslash() {
    const size_t begin = at_;
    ++at_;
    const char c = Peek();
    if (!IsLetter(c)) {
      ++at_;
      switch (c) {
        case '\\':
          if (!rows_ && IsLetter(Peek())) {  // "\\frac"
            --at_;
            return Backslash();
          }
          Push(Token::kSign, "\\\\", begin);
          return true;
        case '{':
        case '}':
        case '|':
          Push(Token::kSign, std::string{'\\', c}, begin);
          return true;
        case '%':
          Push(Token::kSign, "%", begin);
          return true;
        case '!':
          return true;
        case '\0':
          return true;  // a backslash at the end
        case '(':
        case ')':
        case '[':
        case ']':
          Space();
          return true;
        default:
          if (c == '$' || c == ',' || c == ';' || c == ':' || c == '>' || c == '"' || c == '&' ||
              IsSpace(c)) {
            Space();
            return true;
          }
          if (c == '_' || c == '#' || c == '-' || c == '/') {
            Space();
            return true;
          }
          return false;
      }
    }
    size_t end = at_;
    while (end < s_.size() && IsLetter(s_[end])) ++end;
    string_view name = s_.substr(at_, end - at_);
    at_ = end;
    for (const string_view space : {"qquad", "quad"}) {  // "\\quadx": a space, then x
      if (!name.starts_with(space) || name == space) continue;
      at_ -= name.size() - space.size();
      Space();
      return true;
    }
    if (In(name, kFormatting)) {
      if ((name.ends_with("left") || name.ends_with("right")) && Peek() == '.') ++at_;
      if (name == "hspace") {
        std::string ignored;
        Braced(&ignored);
      }
      Space();
      return true;
    }
    if (In(name, kTextCommands)) return TextCommand(name, begin);
    if (name == "mathbb") {
      SkipSpaces();
      std::string set;
      if (!Braced(&set)) set = IsLetter(Peek()) ? std::string(1, s_[at_++]) : "";
      for (const auto& [letter, full] : {std::pair<string_view, string_view>{"R", "reals"},
                                         {"Z", "integers"},
                                         {"Q", "rationals"},
                                         {"N", "naturals"},
                                         {"C", "complexes"}})
        if (set == letter) {
          Push(Token::kCommand, full, begin);
          return true;
        }
      Push(Token::kText, set, begin);
      return !set.empty();
    }
    if (name == "dfrac" || name == "tfrac" || name == "cfrac") name = "frac";
    if (name == "dbinom" || name == "tbinom") name = "binom";
    Push(Token::kCommand, name, begin);
    return true;
  }

  string_view s_;
  size_t at_ = 0, other_end_ = 0;  // other_end_: where a run of another alphabet ends so far
  bool rows_ = false, space_ = false;
  std::vector<Lexeme> out_;
};

}  // namespace

std::vector<Lexeme> Lex(std::string_view latex) { return Lexer(latex).Run(); }

}  // namespace rlvr::math
