#include "text/byte_level.h"

#include <array>
#include <cstdint>

#include "text/tokenizer/unicode.h"

namespace rlvr {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const char* const kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

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
  for (const char c : bytes) unicode::Append(PointOfByte()[static_cast<unsigned char>(c)], &out);
  return out;
}

std::optional<std::string> ByteLevelBytes(std::string_view visible) {
  constexpr size_t kPoints = 512;
  static const auto byte_of = [] {
    std::array<int, kPoints> map;
    map.fill(-1);
    for (int b = 0; b < 256; ++b)
      map[static_cast<size_t>(PointOfByte()[static_cast<size_t>(b)])] = b;
    return map;
  }();
  std::string out;
  for (size_t at = 0; at < visible.size();) {
    const unicode::Char c = unicode::At(visible, at);
    const auto point = static_cast<size_t>(c.point);
    if (c.point < 0 || point >= kPoints || byte_of[point] < 0) return std::nullopt;
    out += static_cast<char>(byte_of[point]);
    at += c.size;
  }
  return out;
}

}  // namespace rlvr
