// Upper, lower and title case as Python has them.
#include <utf8proc.h>

#include <functional>

#include "text/jinja/special_case.h"
#include "text/jinja/text.h"

namespace rlvr::jinja {
namespace {

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

}  // namespace rlvr::jinja
