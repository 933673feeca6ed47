#include "text/jinja/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <functional>

#include "text/jinja/special_case.h"

namespace rlvr::jinja {
namespace {

const auto* Bytes(std::string_view text, size_t at) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at);
}

bool IsCased(int32_t point) {
  if (point < 0) return false;
  const auto category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT || utf8proc_tolower(point) != point ||
         utf8proc_toupper(point) != point;
}

enum class Case { kUpper, kLower, kTitle };

// Greek sigma at a word's end has a form of its own in lower case.
bool IsFinalSigma(const std::string& text, size_t at) {
  bool before = false;
  for (size_t i = at; i > 0 && !before;) {
    do --i;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80);
    const int32_t p = PointAt(text, i);
    if (IsCased(p))
      before = true;
    else if (!IsCaseIgnorable(p))
      return false;
  }
  for (size_t i = at + 2; i < text.size(); i += PointLength(text, i)) {
    const int32_t p = PointAt(text, i);
    if (IsCased(p)) return false;
    if (!IsCaseIgnorable(p)) break;
  }
  return before;
}

void AppendCased(const Text& text, size_t at, size_t length, Case to, Text* out) {
  const int32_t point = PointAt(text.bytes, at);
  const char from = text.from[at];
  if (point < 0) return out->Append(text.bytes.substr(at, length), from);
  if (point < 128) {
    const auto c = static_cast<char>(point);
    const bool upper = to != Case::kLower;
    const char cased = upper && c >= 'a' && c <= 'z'    ? static_cast<char>(c - 32)
                       : !upper && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32)
                                                        : c;
    return out->Append(std::string_view(&cased, 1), from);
  }
  if (to != Case::kLower) {
    const std::string_view several = to == Case::kUpper ? SpecialUpper(point) : SpecialTitle(point);
    if (!several.empty()) return out->Append(several, from);
  } else if (point == 0x130) {
    return out->Append("i\u0307", from);
  } else if (point == 0x3A3) {
    return out->Append(IsFinalSigma(text.bytes, at) ? "ς" : "σ", from);
  }
  out->Append(Utf8(to == Case::kUpper   ? utf8proc_toupper(point)
                   : to == Case::kLower ? utf8proc_tolower(point)
                                        : utf8proc_totitle(point)),
              from);
}

// which(point, index of the first byte): how a code point is to be written.
Text Cased(const Text& text, const std::function<Case(int32_t, size_t)>& which) {
  Text out;
  out.safe = text.safe;
  for (size_t i = 0; i < text.size();) {
    const size_t length = PointLength(text.bytes, i);
    AppendCased(text, i, length, which(PointAt(text.bytes, i), i), &out);
    i += length;
  }
  return out;
}

}  // namespace

Text Text::Sub(size_t begin, size_t end) const {
  Text out;
  out.safe = safe;
  if (begin >= end) return out;
  out.bytes = bytes.substr(begin, end - begin);
  out.from = from.substr(begin, end - begin);
  return out;
}

size_t PointLength(std::string_view text, size_t at) {
  if (static_cast<unsigned char>(text[at]) < 0x80) return 1;
  utf8proc_int32_t point = 0;
  const auto n =
      utf8proc_iterate(Bytes(text, at), static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  return n > 0 ? static_cast<size_t>(n) : 1;
}

int32_t PointAt(std::string_view text, size_t at) {
  utf8proc_int32_t point = -1;
  utf8proc_iterate(Bytes(text, at), static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  return point;
}

std::string Utf8(int32_t point) {
  utf8proc_uint8_t buffer[4];
  const auto n = utf8proc_encode_char(point, buffer);
  return {reinterpret_cast<const char*>(buffer), static_cast<size_t>(n)};
}

int64_t NumPoints(std::string_view text) {
  int64_t n = 0;
  for (size_t i = 0; i < text.size(); i += PointLength(text, i)) ++n;
  return n;
}

std::vector<Text> Points(const Text& text) {
  std::vector<Text> points;
  for (size_t i = 0; i < text.size();) {
    const size_t length = PointLength(text.bytes, i);
    points.push_back(text.Sub(i, i + length));
    i += length;
  }
  return points;
}

bool IsSpace(int32_t p) {
  return (p >= 9 && p <= 13) || (p >= 0x1C && p <= 0x20) || p == 0x85 || p == 0xA0 || p == 0x1680 ||
         (p >= 0x2000 && p <= 0x200A) || p == 0x2028 || p == 0x2029 || p == 0x202F || p == 0x205F ||
         p == 0x3000;
}

size_t SpaceEnd(std::string_view text, size_t begin) {
  while (begin < text.size() && IsSpace(PointAt(text, begin))) begin += PointLength(text, begin);
  return begin;
}

size_t SpaceBegin(std::string_view text, size_t end) {
  while (end > 0) {
    size_t at = end - 1;
    while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (at + PointLength(text, at) != end || !IsSpace(PointAt(text, at))) break;
    end = at;
  }
  return end;
}

bool IsPrintable(int32_t point) {
  if (point == ' ') return true;
  if (point < 0) return false;
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

Text Strip(const Text& text, const std::string* chars, bool left, bool right) {
  size_t begin = 0, end = text.size();
  if (chars == nullptr) {
    if (left) begin = SpaceEnd(text.bytes, 0);
    if (right) end = std::max(begin, SpaceBegin(text.bytes, end));
    return text.Sub(begin, end);
  }
  std::vector<std::string> wanted;
  for (size_t i = 0; i < chars->size(); i += PointLength(*chars, i))
    wanted.push_back(chars->substr(i, PointLength(*chars, i)));
  for (bool more = left; more && begin < end;) {
    more = false;
    for (const auto& w : wanted) {
      if (text.bytes.compare(begin, w.size(), w) != 0) continue;
      begin += w.size();
      more = true;
      break;
    }
  }
  for (bool more = right; more && begin < end;) {
    more = false;
    for (const auto& w : wanted) {
      if (w.size() > end - begin || text.bytes.compare(end - w.size(), w.size(), w) != 0) continue;
      end -= w.size();
      more = true;
      break;
    }
  }
  return text.Sub(begin, end);
}

std::vector<Text> Split(const Text& text, const std::string* separator, int64_t limit) {
  std::vector<Text> parts;
  size_t at = 0;
  if (separator != nullptr) {
    for (; limit != 0; --limit) {
      const size_t found = text.bytes.find(*separator, at);
      if (found == std::string::npos) break;
      parts.push_back(text.Sub(at, found));
      at = found + separator->size();
    }
    parts.push_back(text.Sub(at, text.size()));
    return parts;
  }
  for (at = SpaceEnd(text.bytes, 0); at < text.size(); at = SpaceEnd(text.bytes, at)) {
    if (limit-- == 0) {
      parts.push_back(text.Sub(at, text.size()));
      break;
    }
    size_t end = at;
    while (end < text.size() && !IsSpace(PointAt(text.bytes, end)))
      end += PointLength(text.bytes, end);
    parts.push_back(text.Sub(at, end));
    at = end;
  }
  return parts;
}

std::vector<Text> SplitFromRight(const Text& text, const std::string* separator, int64_t limit) {
  std::vector<Text> parts = Split(text, separator, -1);
  if (limit < 0 || static_cast<int64_t>(parts.size()) <= limit + 1) return parts;
  // The last `limit` parts stay; what is before them is one.
  const size_t kept = parts.size() - static_cast<size_t>(limit);
  std::vector<Text> out;
  if (separator != nullptr) {
    parts[kept - 1].safe = text.safe;
    Text first;
    for (size_t i = 0; i < kept; ++i) {
      if (i > 0) first.Append(*separator, kFromData);
      first.Append(parts[i]);
    }
    // The origins of the separators are those of the text.
    out.push_back(text.Sub(0, first.size()));
  } else {
    size_t end = text.size();
    for (int64_t i = 0; i < limit; ++i)
      end = SpaceBegin(text.bytes, end) - parts[parts.size() - 1 - static_cast<size_t>(i)].size();
    out.push_back(text.Sub(0, SpaceBegin(text.bytes, end)));
  }
  out.insert(out.end(), parts.begin() + static_cast<int64_t>(kept), parts.end());
  return out;
}

std::vector<Text> SplitLines(const Text& text, bool keep_ends) {
  std::vector<Text> lines;
  for (size_t begin = 0, at = 0; begin < text.size();) {
    size_t end = text.size(), next = text.size();
    for (; at < text.size(); at += PointLength(text.bytes, at)) {
      const int32_t p = PointAt(text.bytes, at);
      const bool ends = (p >= 10 && p <= 13) || (p >= 0x1C && p <= 0x1E) || p == 0x85 ||
                        p == 0x2028 || p == 0x2029;
      if (!ends) continue;
      end = at;
      next = at + PointLength(text.bytes, at);
      if (p == '\r' && next < text.size() && text.bytes[next] == '\n') ++next;
      break;
    }
    lines.push_back(text.Sub(begin, keep_ends ? next : end));
    begin = at = next;
  }
  return lines;
}

Text Replace(const Text& text, const std::string& from, const Text& to, int64_t limit) {
  Text out;
  out.safe = text.safe;
  size_t at = 0;
  if (from.empty()) {  // between all code points
    for (; limit != 0; --limit) {
      out.Append(to);
      if (at >= text.size()) break;
      const size_t length = PointLength(text.bytes, at);
      out.Append(text.Sub(at, at + length));
      at += length;
    }
  }
  for (; !from.empty() && limit != 0; --limit) {
    const size_t found = text.bytes.find(from, at);
    if (found == std::string::npos) break;
    out.Append(text.Sub(at, found));
    out.Append(to);
    at = found + from.size();
  }
  out.Append(text.Sub(at, text.size()));
  return out;
}

Text Upper(const Text& text) {
  return Cased(text, [](int32_t, size_t) { return Case::kUpper; });
}

Text Lower(const Text& text) {
  return Cased(text, [](int32_t, size_t) { return Case::kLower; });
}

Text Capitalize(const Text& text) {
  return Cased(text, [](int32_t, size_t at) { return at == 0 ? Case::kTitle : Case::kLower; });
}

Text TitleCase(const Text& text) {
  bool in_word = false;
  return Cased(text, [&](int32_t point, size_t) {
    const Case to = in_word ? Case::kLower : Case::kTitle;
    in_word = IsCased(point);
    return to;
  });
}

Text JinjaTitle(const Text& text) {
  bool in_word = false;
  return Cased(text, [&](int32_t p, size_t) {
    const bool gap = IsSpace(p) || p == '-' || p == '(' || p == '{' || p == '[' || p == '<';
    const Case to = in_word ? Case::kLower : Case::kUpper;
    in_word = !gap;
    return to;
  });
}

Text Escape(const Text& text) {
  Text out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text.bytes[i];
    const std::string_view entity = c == '&'    ? "&amp;"
                                    : c == '<'  ? "&lt;"
                                    : c == '>'  ? "&gt;"
                                    : c == '\'' ? "&#39;"
                                    : c == '"'  ? "&#34;"
                                                : std::string_view(&text.bytes[i], 1);
    out.Append(entity, text.from[i]);
  }
  out.safe = true;
  return out;
}

Text Reversed(const Text& text) {
  std::vector<Text> points = Points(text);
  std::reverse(points.begin(), points.end());
  return Join(points, Text());
}

Text Join(const std::vector<Text>& parts, const Text& separator) {
  Text out;
  for (const Text& part : parts) {
    if (&part != parts.data()) out.Append(separator);
    out.Append(part);
  }
  return out;
}

}  // namespace rlvr::jinja
