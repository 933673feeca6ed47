#include "verify/instructions/instruction_checks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "verify/format/bounded_pattern.h"
#include "verify/instructions/instruction_text.h"

namespace rlvr {
namespace {

constexpr size_t kNowhere = std::u32string_view::npos;

int64_t CountPattern(const CheckedText& t, const std::string& pattern, bool multiline,
                     bool ignore_case) {
  const BoundedPattern compiled(pattern, {.ignore_case = ignore_case, .multiline = multiline});
  return std::max<int64_t>(0, compiled.Count(t.utf8));
}

std::u32string_view WithoutFront(std::u32string_view text, std::u32string_view set) {
  while (!text.empty() && set.find(text.front()) != kNowhere) text.remove_prefix(1);
  return text;
}
std::u32string_view WithoutBack(std::u32string_view text, std::u32string_view set) {
  while (!text.empty() && set.find(text.back()) != kNowhere) text.remove_suffix(1);
  return text;
}

// Pairs of `mark` with neither an asterisk nor a line's end between them, that hold something.
int64_t CountMarked(std::u32string_view text, std::u32string_view mark) {
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(mark, at)) != kNowhere;) {
    const size_t begin = at + mark.size();
    const size_t end = text.find_first_of(U"*\n", begin);
    if (end == kNowhere) return count;
    if (text.substr(end, mark.size()) != mark) {
      ++at;
      continue;
    }
    count += TrimBlanks(text.substr(begin, end - begin)).empty() ? 0 : 1;
    at = end + mark.size();
  }
  return count;
}

}  // namespace

CheckedText::CheckedText(std::string_view response)
    : characters(Characters(response)), trimmed(TrimBlanks(characters)) {
  utf8 = Utf8(characters);
}

int64_t CountBullets(const CheckedText& t) {
  return CountPattern(t, R"(^\s*\*[^*].*$)", true, false) +
         CountPattern(t, R"(^\s*-.*$)", true, false);
}

int64_t CountPlaceholders(const CheckedText& t) {
  int64_t count = 0;
  const std::u32string_view text = t.characters;
  for (size_t at = 0; (at = text.find(U'[', at)) != kNowhere;) {
    const size_t end = text.find_first_of(U"]\n", at);
    if (end == kNowhere) return count;
    count += text[end] == ']';
    at = end + 1;
  }
  return count;
}

int64_t CountHighlights(const CheckedText& t) {
  return CountMarked(t.characters, U"*") + CountMarked(t.characters, U"**");
}

int64_t CountSections(const CheckedText& t, const std::string& splitter) {
  return CountPattern(t, R"(\s?)" + splitter + R"(\s?\d+\s?)", false, false);
}

bool HasDividedParagraphs(const CheckedText& t, int64_t n) {
  const auto parts = Split(t.characters, U"***");
  auto count = static_cast<int64_t>(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!TrimBlanks(parts[i]).empty()) continue;
    if (i > 0 && i + 1 < parts.size()) return false;
    --count;
  }
  return count == n;
}

bool HasParagraphsAndFirstWord(const CheckedText& t, int64_t n, int64_t nth,
                               const std::string& word) {
  const auto parts = Split(t.characters, U"\n\n");
  int64_t count = 0;
  for (const auto part : parts) count += TrimBlanks(part).empty() ? 0 : 1;
  if (nth < 1 || nth > count) return false;
  const std::u32string_view paragraph = TrimBlanks(parts[static_cast<size_t>(nth - 1)]);
  if (paragraph.empty()) return false;
  size_t end = 0;
  while (end < paragraph.size() && !IsBlank(paragraph[end])) ++end;
  std::u32string_view first = WithoutFront(WithoutFront(paragraph.substr(0, end), U"'"), U"\"");
  first = first.substr(0, first.find_first_of(U".,?!'\""));
  return count == n && LowerCase(first) == LowerCase(Characters(word));
}

bool HasTitle(const CheckedText& t) {
  for (const auto line : Split(t.characters, U"\n")) {
    const size_t begin = line.find(U"<<"), end = line.rfind(U">>");
    if (begin == kNowhere || end == kNowhere || end < begin + 3) continue;
    const auto title = line.substr(begin, end + 2 - begin);
    if (!TrimBlanks(WithoutBack(WithoutFront(title, U"<"), U">")).empty()) return true;
  }
  return false;
}

bool HasPostscript(const CheckedText& t, const std::string& marker) {
  std::string pattern = marker;
  if (marker == "P.P.S") pattern = R"(p\.\s?p\.\s?s)";
  if (marker == "P.S.") pattern = R"(p\.\s?s\.)";
  return CountPattern(t, pattern, false, true) > 0;
}

bool IsJson(const CheckedText& t) {
  std::u32string_view text = t.trimmed;
  for (const std::u32string_view fence : {U"```json", U"```Json", U"```JSON", U"```"})
    if (text.starts_with(fence)) text.remove_prefix(fence.size());
  if (text.ends_with(U"```")) text.remove_suffix(3);
  return nlohmann::json::accept(Utf8(TrimBlanks(text)));
}

bool HasTwoResponses(const CheckedText& t) {
  const auto parts = Split(t.characters, U"******");
  std::vector<std::u32string_view> responses;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto part = TrimBlanks(parts[i]);
    if (!part.empty())
      responses.push_back(part);
    else if (i > 0 && i + 1 < parts.size())
      return false;
  }
  return responses.size() == 2 && responses[0] != responses[1];
}

bool RepeatsPrompt(const CheckedText& t, const std::string& prompt) {
  const std::u32string wanted = Characters(prompt);
  return LowerCase(t.trimmed).starts_with(LowerCase(TrimBlanks(wanted)));
}

bool EndsWith(const CheckedText& t, const std::string& phrase) {
  const std::u32string wanted = Characters(phrase);
  const auto text = WithoutBack(WithoutFront(t.trimmed, U"\""), U"\"");
  return LowerCase(text).ends_with(LowerCase(TrimBlanks(wanted)));
}

bool IsQuoted(const CheckedText& t) {
  return t.trimmed.size() > 1 && t.trimmed.front() == '"' && t.trimmed.back() == '"';
}

bool IsConstrainedAnswer(const CheckedText& t) {
  for (const char* answer : {"My answer is yes.", "My answer is no.", "My answer is maybe."})
    if (t.utf8.find(answer) != std::string::npos) return true;
  return false;
}

int64_t CountLetter(const CheckedText& t, char32_t letter) {
  const std::u32string lower = LowerCase(t.characters);
  return std::count(lower.begin(), lower.end(), letter);
}

int64_t CountKeyword(const CheckedText& t, const std::string& keyword) {
  return CountPattern(t, keyword, false, true);
}

bool HasWord(const CheckedText& t, const std::string& word) {
  return CountPattern(t, "\\b" + word + "\\b", false, true) > 0;
}

}  // namespace rlvr
