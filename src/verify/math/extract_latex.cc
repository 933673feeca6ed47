#include <algorithm>

#include "verify/math/characters.h"
#include "verify/math/extract.h"

namespace rlvr::math {
namespace {

using std::string_view;

size_t SkipSpaces(string_view s, size_t at) {
  while (at < s.size() && IsSpace(s[at])) ++at;
  return at;
}

// The length of a percent sign or word at `at`; 0: none.
size_t Percent(string_view s, size_t at) {
  const string_view rest = s.substr(at);
  for (const string_view word :
       {"\\%", "%", "percentage", "Percentage", "percent", "Percent", "pct", "Pct"})
    if (rest.starts_with(word)) return word.size();
  return 0;
}

bool HoldsBox(string_view content) {
  const size_t box = content.find("\\boxed{");
  return box != string_view::npos && content.find('}', box + 8) != string_view::npos;
}

// -?digits with a decimal part, as in \frac{1.5}{2}; the position behind it or npos.
size_t SimpleNumber(string_view s, size_t at) {
  if (at < s.size() && s[at] == '-') ++at;
  const size_t from = at;
  while (at < s.size() && IsDigit(s[at])) ++at;
  if (at == from) return string_view::npos;
  if (at + 1 < s.size() && (s[at] == '.' || s[at] == ',') && IsDigit(s[at + 1])) {
    ++at;
    while (at < s.size() && IsDigit(s[at])) ++at;
  }
  return at;
}

size_t PlainFraction(string_view s, size_t at) {
  if (at < s.size() && s[at] == '-') ++at;
  if (!s.substr(at).starts_with("\\frac")) return string_view::npos;
  at += 5;
  for (int i = 0; i < 2; ++i) {
    if (at >= s.size() || s[at] != '{') return string_view::npos;
    at = SimpleNumber(s, at + 1);
    if (at == string_view::npos || at >= s.size() || s[at] != '}') return string_view::npos;
    ++at;
  }
  return at;
}

// ", " " and " ",or" between formulas; the position behind it or npos.
size_t Joint(string_view s, size_t at) {
  at = SkipSpaces(s, at);
  const bool comma = at < s.size() && s[at] == ',';
  const string_view word = s.substr(comma ? at + 1 : at);
  if (word.starts_with("and")) {
    at += comma + 3u;
  } else if (word.starts_with("or")) {
    at += comma + 2u;
  } else if (comma) {
    ++at;
  } else {
    return string_view::npos;
  }
  return SkipSpaces(s, at);
}

}  // namespace

// Where the closing sign stands, not behind a backslash; one_line: before the next line.
std::optional<size_t> LatexFinder::Close(size_t from, string_view close, bool one_line, int kind) {
  size_t* hopeless = hopeless_[kind];
  if (from >= hopeless[0] && from < hopeless[1]) return std::nullopt;
  for (size_t i = from; i < s_.size(); ++i) {
    work_->Spend(1);
    if (one_line && s_[i] == '\n') {
      hopeless[0] = from;
      hopeless[1] = i + 1;
      return std::nullopt;
    }
    if (s_.compare(i, close.size(), close) == 0 && i > from && s_[i - 1] != '\\') return i;
    if (close == "\\)" && s_.compare(i, 2, close) == 0 && i > from) return std::nullopt;
  }
  hopeless[0] = from;
  hopeless[1] = s_.size() + 1;
  return std::nullopt;
}

std::optional<LatexFinder::Environment> LatexFinder::One(size_t at, bool boxed) {
  if (at >= s_.size()) return std::nullopt;
  const char c = s_[at];
  if (c != '$' && c != '\\' && c != '-' && !IsSpace(c)) return std::nullopt;
  const char before = at > 0 ? s_[at - 1] : ' ';
  size_t open = 0, shut = 0;
  std::optional<size_t> close;
  if (before != '\\' && s_.substr(at).starts_with("$$")) {
    open = shut = 2;
    close = Close(at + 2, "$$", false, 0);
  } else if (before != '\\' && s_.substr(at).starts_with("\\[")) {
    open = shut = 2;
    close = Close(at + 2, "\\]", false, 1);
  } else if (c == '$' && before != '\\' && !IsDigit(before)) {
    open = shut = 1;
    close = Close(at + 1, "$", true, 2);
  } else if (before != '\\' && s_.substr(at).starts_with("\\(")) {
    open = shut = 2;
    close = Close(at + 2, "\\)", true, 3);
  } else if (IsSpace(c) && at + 1 < s_.size() && s_[at + 1] == '[') {
    size_t end = at + 2;
    while (end < s_.size() && s_[end] != '\n' && s_[end] != '[' && s_[end] != ']')
      ++end, work_->Spend(1);
    if (end > at + 2 && end + 1 < s_.size() && s_[end] == ']' && IsSpace(s_[end + 1])) {
      open = shut = 2;
      close = end;
    }
  }
  Environment e;
  e.begin = at;
  if (close) {
    const string_view content = s_.substr(at + open, *close - at - open);
    if (boxed && !HoldsBox(content)) return std::nullopt;
    e.formula.text = content;
    e.end = *close + shut;
  } else {
    const size_t end = boxed ? string_view::npos : PlainFraction(s_, at);
    if (end == string_view::npos) return std::nullopt;
    e.formula.text = s_.substr(at, end - at);
    e.end = end;
  }
  e.end = SkipSpaces(s_, e.end);
  if (const size_t percent = Percent(s_, e.end)) {
    e.formula.percent = true;
    e.end += percent;
  }
  return e;
}

std::optional<Match> LatexFinder::At(size_t at, bool boxed) {
  auto first = One(at, boxed);
  if (!first) return std::nullopt;
  Match m;
  m.latex = true;
  m.begin = at;
  m.end = first->end;
  m.formulas.push_back(std::move(first->formula));
  for (int i = 0; i < 5; ++i) {
    const size_t next = Joint(s_, m.end);
    if (next == string_view::npos) break;
    auto more = One(next, boxed);
    if (!more) break;
    m.end = more->end;
    m.formulas.push_back(std::move(more->formula));
  }
  return m;
}

std::vector<Match> LatexFinder::All(bool boxed) {
  std::vector<Match> all;
  for (size_t i = 0; i < s_.size();) {
    auto m = At(i, boxed);
    if (!m) {
      ++i;
      continue;
    }
    i = std::max(i + 1, m->end);
    work_->Spend(10);
    all.push_back(std::move(*m));
  }
  return all;
}

}  // namespace rlvr::math
