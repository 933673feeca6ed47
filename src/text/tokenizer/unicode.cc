#include "text/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace rlvr::unicode {
namespace {

constexpr int32_t kPlane = 0x10000;

struct Range {
  int32_t first, last;
};
struct Shift {
  int32_t first, last, distance;
};
#include "text/tokenizer/unicode_tables.inc"

template <size_t N>
bool IsIn(int32_t c, const Range (&ranges)[N]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

bool IsWhiteSpace(int32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

utf8proc_option_t Options(NormalForm form) {
  const int compat = form == NormalForm::kNfkc || form == NormalForm::kNfkd ? UTF8PROC_COMPAT : 0;
  const int direction =
      form == NormalForm::kNfc || form == NormalForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | compat | direction);
}

void NormalizeValid(std::string_view text, NormalForm form, std::string* out) {
  utf8proc_uint8_t* result = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &result, Options(form));
  if (n < 0) {
    out->append(text);
    return;
  }
  out->append(reinterpret_cast<char*>(result), static_cast<size_t>(n));
  std::free(result);
}

// Of a character that NFC keeps and that neither moves nor joins what stands before it.
bool IsNfcInert(int32_t c, const utf8proc_property_t* property) {
  if (c < 0x300) return true;
  if (c >= 0x1100 && c <= 0x11FF) return false;  // jamo join to syllables
  constexpr uint16_t kNone = 0xFFFF, kSecond = 0x8000;
  const uint16_t joins = property->comb_index;
  if (property->combining_class != 0 || (joins != kNone && joins >= kSecond)) return false;
  if (property->decomp_seqindex == kNone || property->decomp_type != 0) return true;
  std::string whole, normal;
  Append(c, &whole);
  NormalizeValid(whole, NormalForm::kNfc, &normal);
  return normal == whole;
}

uint8_t Compute(int32_t c) {
  const auto* property = utf8proc_get_property(c);
  const int category = property->category;
  const auto within = [&](int first, int last) { return category >= first && category <= last; };
  uint8_t bits = 0;
  if (within(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO) || IsIn(c, kMoreLetters)) bits |= kLetter;
  if (within(UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO) || IsIn(c, kMoreNumbers)) bits |= kNumber;
  if (within(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC ||
      IsIn(c, kMoreWord)) {
    bits |= kWord;
  }
  if (((within(UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO) ||
        (c < 128 && within(UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO))) &&
       !IsIn(c, kLessPunctuation)) ||
      IsIn(c, kMorePunctuation)) {
    bits |= kPunctuation;
  }
  if (IsWhiteSpace(c)) bits |= kSpace;
  if (IsNfcInert(c, property)) bits |= kNfcInert;
  return bits;
}

// The first plane by table (64 KiB, made at the first use), the others by asking.
const std::array<uint8_t, kPlane>& FirstPlane() {
  static const auto table = [] {
    auto t = std::make_unique<std::array<uint8_t, kPlane>>();
    for (int32_t c = 0; c < kPlane; ++c) (*t)[static_cast<size_t>(c)] = Compute(c);
    return t;
  }();
  return *table;
}

}  // namespace

Char DecodeMultibyte(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto continues = [](uint32_t b) { return (b & 0xC0) == 0x80; };
  const uint32_t a = byte(0), b = byte(1);
  if (a >= 0xC2 && a <= 0xDF) {
    if (continues(b)) return {static_cast<int32_t>((a & 0x1F) << 6 | (b & 0x3F)), 2};
  } else if (a >= 0xE0 && a <= 0xEF) {
    const uint32_t c = byte(2);
    if (continues(b) && continues(c) && !(a == 0xE0 && b < 0xA0) && !(a == 0xED && b > 0x9F))
      return {static_cast<int32_t>((a & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F)), 3};
  } else if (a >= 0xF0 && a <= 0xF4) {
    const uint32_t c = byte(2), d = byte(3);
    if (continues(b) && continues(c) && continues(d) && !(a == 0xF0 && b < 0x90) &&
        !(a == 0xF4 && b > 0x8F)) {
      return {
          static_cast<int32_t>((a & 0x07) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | (d & 0x3F)),
          4};
    }
  }
  return {-1, 1};
}

uint8_t Classes(int32_t point) {
  if (point < 0) return 0;
  static const auto& first = FirstPlane();
  return point < kPlane ? first[static_cast<size_t>(point)] : Compute(point);
}

bool IsNumericToDigits(int32_t point) {
  return (Classes(point) & kNumber) != 0 || IsIn(point, kMoreDigits);
}

bool IsWordOrJoiner(int32_t point) {
  return (Classes(point) & kWord) != 0 || point == 0x200C || point == 0x200D;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

bool IsValid(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Char c = At(text, at);
    if (c.point < 0) return false;
    at += c.size;
  }
  return true;
}

void Append(int32_t point, std::string* out) {
  utf8proc_uint8_t buffer[4];
  const auto n = utf8proc_encode_char(point, buffer);
  out->append(reinterpret_cast<char*>(buffer), static_cast<size_t>(n));
}

size_t IncompleteTail(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t at = text.size() - back;
    const unsigned first = byte(at);
    if ((first & 0xC0) == 0x80) continue;  // go on to the byte that starts this character
    const size_t want = first >= 0xF0 && first <= 0xF4   ? 4
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xC2 && first <= 0xDF ? 2
                                                         : 0;
    if (back >= want) return 0;
    if (back == 1) return back;
    const unsigned second = byte(at + 1);
    const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return wrong ? 0 : back;
  }
  return 0;
}

std::string ReplaceInvalid(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Char c = At(text, at);
    if (c.point >= 0) {
      out.append(text.substr(at, c.size));
      at += c.size;
      continue;
    }
    size_t size = 1;  // with the bytes that could have continued it
    while (at + size < text.size() && IncompleteTail(text.substr(at, size + 1)) == size + 1) ++size;
    out += "\xEF\xBF\xBD";
    at += size;
  }
  return out;
}

bool IsUnchanged(std::string_view text, NormalForm form) {
  if (IsAscii(text)) return true;
  if (form != NormalForm::kNfc) return false;
  for (size_t at = 0; at < text.size();) {
    const Char c = At(text, at);
    if (c.point >= 0 && !(Classes(c.point) & kNfcInert)) return false;
    at += c.size;
  }
  return true;
}

std::string Normalize(std::string_view text, NormalForm form) {
  if (IsUnchanged(text, form)) return std::string(text);
  const auto stays = [form](int32_t c) {
    if (c < 0) return true;
    if (form == NormalForm::kNfd) return IsIn(c, kKeptByNfd);
    return form != NormalForm::kNfc && c >= kKeptByNfk[0].first && IsIn(c, kKeptByNfk);
  };
  std::string out;
  size_t changing = 0;  // where the stretch between characters that stay began
  for (size_t at = 0; at < text.size();) {
    const Char c = At(text, at);
    if (stays(c.point)) {
      NormalizeValid(text.substr(changing, at - changing), form, &out);
      out.append(text.substr(at, c.size));
      changing = at + c.size;
    }
    at += c.size;
  }
  NormalizeValid(text.substr(changing), form, &out);
  return out;
}

std::string Lowercase(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Char c = At(text, at);
    if (c.point < 0) {
      out += text[at];
    } else if (c.point == 0x130) {
      out += "i\xCC\x87";  // the one letter whose small form is two characters
    } else {
      int32_t small = utf8proc_tolower(c.point);
      if (c.point > 0x1000) {
        for (const Shift& s : kMoreCapitals)
          if (c.point >= s.first && c.point <= s.last) small = c.point + s.distance;
      }
      Append(small, &out);
    }
    at += c.size;
  }
  return out;
}

}  // namespace rlvr::unicode
