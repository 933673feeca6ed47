// Strings that know where each byte comes from: a template's own text, or the data it was given.
// Python's string functions on them, over code points; a byte that is no UTF-8 counts as one.
#ifndef RLVR_TEXT_JINJA_TEXT_H_
#define RLVR_TEXT_JINJA_TEXT_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rlvr::jinja {

enum Origin : char {
  kFromTemplate = 0,
  kFromData = 1,     // a message's content, a tool: never a marker
  kFromStandIn = 2,  // stands for what the policy wrote
};

struct Text {
  std::string bytes;
  std::string from;   // [bytes.size()], Origin of each
  bool safe = false;  // by the filter `safe`: other strings that are added to it are HTML-escaped

  Text() = default;
  Text(std::string_view text, Origin origin = kFromTemplate)
      : bytes(text), from(text.size(), origin) {}
  size_t size() const { return bytes.size(); }
  bool empty() const { return bytes.empty(); }
  void Append(const Text& other) {
    bytes += other.bytes;
    from += other.from;
  }
  void Append(std::string_view text, char origin) {
    bytes += text;
    from.append(text.size(), origin);
  }
  Text Sub(size_t begin, size_t end) const;  // of bytes
};

// Bytes of the code point at `at`.
size_t PointLength(std::string_view text, size_t at);
int32_t PointAt(std::string_view text, size_t at);  // -1: no UTF-8
std::string Utf8(int32_t point);
int64_t NumPoints(std::string_view text);
std::vector<Text> Points(const Text& text);

bool IsSpace(int32_t point);                           // str.isspace
size_t SpaceEnd(std::string_view text, size_t begin);  // of the white space from begin on
size_t SpaceBegin(std::string_view text, size_t end);  // of the white space before end
bool IsPrintable(int32_t point);                       // str.isprintable

// chars null: white space.
Text Strip(const Text& text, const std::string* chars, bool left, bool right);
// separator null: runs of white space. limit < 0: none.
std::vector<Text> Split(const Text& text, const std::string* separator, int64_t limit);
std::vector<Text> SplitFromRight(const Text& text, const std::string* separator, int64_t limit);
std::vector<Text> SplitLines(const Text& text, bool keep_ends);
Text Replace(const Text& text, const std::string& from, const Text& to, int64_t limit);
Text Upper(const Text& text);
Text Lower(const Text& text);
Text Capitalize(const Text& text);
Text TitleCase(const Text& text);   // str.title: words are runs of letters
Text JinjaTitle(const Text& text);  // the filter's: words begin after white space, -, and brackets
Text Escape(const Text& text);      // & < > ' " of HTML
Text Reversed(const Text& text);
Text Join(const std::vector<Text>& parts, const Text& separator);

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_TEXT_H_
