#include "text/byte_level.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <unordered_map>

namespace rlvr {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const char* const kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

std::array<int32_t, 256> CodePoints() {
  std::array<int32_t, 256> points{};
  int32_t next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable =
        (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
    points[static_cast<size_t>(b)] = printable ? b : next++;
  }
  return points;
}

const std::array<int32_t, 256>& PointOfByte() {
  static const auto points = CodePoints();
  return points;
}

}  // namespace

std::string VisibleOfBytes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    utf8proc_uint8_t buffer[4];
    const auto n = utf8proc_encode_char(PointOfByte()[static_cast<unsigned char>(c)], buffer);
    out.append(reinterpret_cast<char*>(buffer), static_cast<size_t>(n));
  }
  return out;
}

std::string BytesOfVisible(std::string_view visible) {
  static const auto byte_of = [] {
    std::unordered_map<int32_t, char> map;
    for (int b = 0; b < 256; ++b) map[PointOfByte()[static_cast<size_t>(b)]] = static_cast<char>(b);
    return map;
  }();
  std::string out;
  for (size_t i = 0; i < visible.size();) {
    utf8proc_int32_t point = 0;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(visible.data() + i),
                                    static_cast<utf8proc_ssize_t>(visible.size() - i), &point);
    if (n <= 0) {
      out += visible[i++];
      continue;
    }
    const auto it = byte_of.find(point);
    if (it != byte_of.end())
      out += it->second;
    else
      out.append(visible.substr(i, static_cast<size_t>(n)));
    i += static_cast<size_t>(n);
  }
  return out;
}

std::string NormalizeNfc(std::string_view text) {
  utf8proc_uint8_t* result = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &result,
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (n < 0) return std::string(text);
  std::string out(reinterpret_cast<char*>(result), static_cast<size_t>(n));
  std::free(result);
  return out;
}

}  // namespace rlvr
