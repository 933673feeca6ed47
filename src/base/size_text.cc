#include "base/size_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace rlvr {

std::string SizeText(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  if (bytes > 0 && mib < 1) return fmt::format("{:.0f} KiB", 1024 * mib);
  return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

std::optional<int64_t> ParseSize(const std::string& text) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  std::string unit(std::find_if(end, last, [](char c) { return c != ' '; }), last);
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string letters = "bkmgt";
  const size_t power = unit.empty() ? 0 : letters.find(unit[0]);
  if (power == std::string::npos) return std::nullopt;
  const std::string rest = unit.empty() ? "" : unit.substr(1);
  if (!rest.empty() && (power == 0 || (rest != "b" && rest != "i" && rest != "ib")))
    return std::nullopt;
  for (size_t i = 0; i < power; ++i) number *= 1024;
  if (!(number >= 1 && number < 9e18)) return std::nullopt;
  return static_cast<int64_t>(number);
}

}  // namespace rlvr
