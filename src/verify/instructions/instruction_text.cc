#include "verify/instructions/instruction_text.h"

#include <utf8proc.h>

namespace rlvr {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool IsUpperLetter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LU;
}
bool IsLowerLetter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA;
}

}  // namespace

std::u32string Characters(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t n =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    out.push_back(n > 0 ? static_cast<char32_t>(c) : kReplacement);
    at += n > 0 ? static_cast<size_t>(n) : 1;
  }
  return out;
}

std::string Utf8(std::u32string_view characters) {
  std::string out;
  for (const char32_t c : characters) {
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
  }
  return out;
}

bool IsBlank(char32_t c) {
  if ((c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85) return true;
  if (c < 0xA0) return false;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool IsWordCharacter(char32_t c) {
  if (c < 0x80)
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

std::u32string_view TrimBlanks(std::u32string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string LowerCase(std::u32string_view text) {
  std::u32string out(text);
  for (char32_t& c : out)
    c = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  return out;
}

bool AllUpperCase(std::u32string_view text) {
  bool any = false;
  for (const char32_t c : text) {
    if (IsLowerLetter(c)) return false;
    any = any || IsUpperLetter(c);
  }
  return any;
}

bool AllLowerCase(std::u32string_view text) {
  bool any = false;
  for (const char32_t c : text) {
    if (IsUpperLetter(c)) return false;
    any = any || IsLowerLetter(c);
  }
  return any;
}

std::vector<std::u32string_view> Split(std::u32string_view text, std::u32string_view by) {
  std::vector<std::u32string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(by, begin);
    parts.push_back(text.substr(begin, end == std::u32string_view::npos ? end : end - begin));
    if (end == std::u32string_view::npos) return parts;
    begin = end + by.size();
  }
}

std::string Replaced(std::string_view text, char what) {
  std::string out(text);
  std::erase(out, what);
  return out;
}

int64_t CountWords(std::u32string_view text) {
  int64_t count = 0;
  bool inside = false;
  for (const char32_t c : text) {
    const bool word = IsWordCharacter(c);
    count += word && !inside;
    inside = word;
  }
  return count;
}

}  // namespace rlvr
