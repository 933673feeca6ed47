#include "text/tokenizer/pattern_syntax.h"

#include <cctype>

#include "base/error.h"

namespace rlvr {
namespace {

// White_Space and its complement, as members of a class. PCRE2's own \s has U+180E too.
const char* const kSpaces =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
const char* const kNoSpaces =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff})"
    R"(\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
const char* const kWords =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
const char* const kHexDigits = "0-9a-fA-F";

class PatternTranslation {
 public:
  PatternTranslation(const std::string& text, const std::string& place)
      : text_(text), place_(place) {}

  std::string Run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\') {
        Escape();
      } else if (in_class_) {
        InClass(c);
      } else {
        Plain(c);
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(place_, "pattern '" + text_ + "': " + what + " is not supported",
                "rewrite the pattern without it");
  }
  bool Follows(const char* what) const {
    return text_.compare(at_, std::string(what).size(), what) == 0;
  }

  void Escape() {
    if (at_ + 1 == text_.size()) Refuse("a backslash at the end");
    const char c = text_[at_ + 1];
    at_ += 2;
    const auto members = [&](const char* of) {
      out_ += in_class_ ? std::string(of) : "[" + std::string(of) + "]";
    };
    const auto others = [&](const char* of) {
      if (in_class_) Refuse(std::string("\\") + c + " in a class");
      out_ += "[^" + std::string(of) + "]";
    };
    const std::string word = "[" + std::string(kWords) + "]";
    switch (c) {
      case 's':
        members(kSpaces);
        break;
      case 'S':
        members(kNoSpaces);
        break;
      case 'w':
        members(kWords);
        break;
      case 'W':
        others(kWords);
        break;
      case 'h':
        members(kHexDigits);
        break;
      case 'H':
        others(kHexDigits);
        break;
      case 'b':
        if (in_class_)
          out_ += "\\b";
        else
          out_ += "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
        break;
      case 'B':
        out_ += "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
        break;
      case 'u': {
        size_t digits = 0;
        while (digits < 4 && at_ + digits < text_.size() &&
               std::isxdigit(static_cast<unsigned char>(text_[at_ + digits]))) {
          ++digits;
        }
        if (digits != 4) Refuse("\\u without four digits");
        out_ += "\\x{" + text_.substr(at_, 4) + "}";
        at_ += 4;
        break;
      }
      case 'K':
      case 'g':
      case 'k':
      case 'C':
      case 'N':
      case 'O':
      case 'y':
      case 'Y':
      case 'Q':
      case 'E':
      case 'M':
        Refuse(std::string("\\") + c);
      default:
        out_ += '\\';
        out_ += c;
        if ((c == 'p' || c == 'P' || c == 'x') && at_ < text_.size() && text_[at_] == '{') {
          const size_t end = text_.find('}', at_);
          if (end == std::string::npos) Refuse("an open brace");
          out_ += text_.substr(at_, end + 1 - at_);
          at_ = end + 1;
        }
    }
  }

  void InClass(char c) {
    if (c == '[') {
      if (!Follows("[:")) Refuse("a class in a class");
      const size_t end = text_.find(":]", at_);
      if (end == std::string::npos) Refuse("an open [:");
      out_ += text_.substr(at_, end + 2 - at_);
      at_ = end + 2;
      return;
    }
    if (Follows("&&")) Refuse("&& in a class");
    if (c == ']') in_class_ = false;
    out_ += c;
    ++at_;
  }

  void Plain(char c) {
    if (c == '[') {
      in_class_ = true;
      out_ += c;
      ++at_;
      if (at_ < text_.size() && text_[at_] == '^') out_ += text_[at_++];
      if (at_ < text_.size() && text_[at_] == ']') {  // a bracket first stands for itself
        out_ += "\\]";
        ++at_;
      }
      return;
    }
    if (Follows("(?")) Group();
    if (c == '}' && at_ + 1 < text_.size() && text_[at_ + 1] == '+') Refuse("}+");
    out_ += text_[at_++];
  }

  // Options differ in meaning: (?m) is PCRE2's (?s). Groups with names or conditions are rare.
  void Group() {
    for (const char* same :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)", "(?-i:", "(?#"}) {
      if (Follows(same)) return;
    }
    Refuse("the group " + text_.substr(at_, 4));
  }

  const std::string& text_;
  const std::string& place_;
  std::string out_;
  size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string TranslatePattern(const std::string& text, const std::string& place) {
  return PatternTranslation(text, place).Run();
}

}  // namespace rlvr
