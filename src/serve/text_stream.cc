#include "serve/text_stream.h"

#include <algorithm>
#include <utility>

namespace rlvr {
namespace {

// Bytes of the character that begins `text`; 0 if none does (Unicode's table 3-7).
size_t CharacterBytes(std::string_view text) {
  const auto at = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](size_t i) { return (at(i) & 0xC0u) == 0x80u; };
  const unsigned first = at(0), second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool too_short = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return follows(1) && follows(2) && !too_short && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool too_short = first == 0xF0 && second < 0x90;
    const bool too_large = first == 0xF4 && second > 0x8F;
    return follows(1) && follows(2) && follows(3) && !too_short && !too_large ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t n = CharacterBytes(bytes);
    if (n == 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

std::string ToUtf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t n = CharacterBytes(bytes);
    if (n == 0) {
      text += "\xEF\xBF\xBD";
    } else {
      text += bytes.substr(0, n);
    }
    bytes.remove_prefix(std::max<size_t>(n, 1));
  }
  return text;
}

int64_t NumCodePoints(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
}

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop)
    : decode_(tokenizer, /*skip_special=*/true), stop_(std::move(stop)) {}

std::string TextStream::Push(int32_t token) {
  held_ += ToUtf8(decode_.Push(token));
  return Release(false);
}

std::string TextStream::Flush() {
  held_ += ToUtf8(decode_.Flush());
  return Release(true);
}

std::string TextStream::Release(bool all) {
  size_t end = held_.size();
  for (const std::string& stop : stop_) {
    const size_t found = held_.find(stop);
    if (found == std::string::npos) continue;
    stopped_ = true;
    end = std::min(end, found);
  }
  if (!stopped_ && !all) {
    // The longest end of the text that some stop string begins with.
    for (const std::string& stop : stop_) {
      for (size_t n = std::min(stop.size() - 1, held_.size()); n > 0; --n) {
        if (held_.compare(held_.size() - n, n, stop, 0, n) != 0) continue;
        end = std::min(end, held_.size() - n);
        break;
      }
    }
  }
  std::string text = held_.substr(0, end);
  held_.erase(0, stopped_ ? std::string::npos : end);
  return text;
}

}  // namespace rlvr
