#include "text/tokenizer/replacement.h"

#include <nlohmann/json.hpp>

namespace rlvr {

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != text.npos; at = found + from.size()) {
    out += text.substr(at, found - at);
    out += to;
  }
  out += text.substr(at);
  return out;
}

Replacement::Replacement(const Part& part) : to_(part.String("content")) {
  const Part pattern = part.At("pattern");
  if (pattern.Has("String")) {
    from_ = pattern.String("String");
    if (from_.empty()) pattern.Fail("is empty", "is the file damaged?");
  } else {
    pattern_.emplace(pattern.String("Regex"), part.place());
  }
}

std::string Replacement::Apply(std::string_view text) const {
  if (!pattern_) return ReplaceAll(text, from_, to_);
  std::string out;
  pattern_->ForEach(text, [&](size_t begin, size_t end, bool is_match) {
    out += is_match ? std::string_view(to_) : text.substr(begin, end - begin);
  });
  return out;
}

}  // namespace rlvr
