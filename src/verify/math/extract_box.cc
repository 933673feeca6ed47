#include <algorithm>
#include <array>

#include "verify/math/characters.h"
#include "verify/math/extract.h"

namespace rlvr::math {
namespace {

using std::string_view;

bool HasSeparator(string_view between) {
  if (between.find_first_of(",;") != string_view::npos) return true;
  for (const string_view word : {"and", "or"}) {
    for (size_t at = 0; (at = between.find(word, at)) != string_view::npos; ++at) {
      const auto letter = [&](size_t i) {
        return i < between.size() && std::isalnum(static_cast<unsigned char>(between[i]));
      };
      if ((at == 0 || !letter(at - 1)) && !letter(at + word.size())) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> BoxedContents(string_view text, bool all) {
  constexpr size_t kNear = 10, kFar = 70;
  std::vector<std::string> found;  // the last first
  size_t from = text.size(), limit = text.size();
  std::optional<size_t> next_start;
  while (found.size() < kMaxElements) {
    const size_t box = from == 0 ? string_view::npos : text.rfind("\\boxed", from - 1);
    const size_t frame = from == 0 ? string_view::npos : text.rfind("\\fbox", from - 1);
    if (box == string_view::npos && frame == string_view::npos) break;
    const bool boxed = frame == string_view::npos || (box != string_view::npos && box > frame);
    const size_t start = boxed ? box : frame;
    size_t brace = start + (boxed ? 6 : 5);
    while (brace < limit && IsSpace(text[brace])) ++brace;
    if (brace >= limit) break;
    if (text[brace] != '{') {  // \boxed 5
      if (found.empty()) found.emplace_back(text.substr(brace, limit - brace));
      break;
    }
    int depth = 0;
    size_t end = brace;
    for (; end < limit; ++end) {
      depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
      if (depth == 0) break;
    }
    if (end >= limit) {
      if (found.empty()) found.emplace_back(text.substr(brace, limit - brace));  // does not parse
      break;
    }
    std::string content(Trimmed(text.substr(brace + 1, end - brace - 1)));
    if (!all && next_start) {
      const string_view between = text.substr(end + 1, *next_start - end - 1);
      const bool joined =
          between.size() < kNear ||
          (content != found.back() && between.size() < kFar && HasSeparator(between));
      if (!joined) break;
    }
    if (found.empty() || found.back() != content) found.push_back(std::move(content));
    next_start = start;
    limit = from = start;
  }
  if (found.empty()) return std::nullopt;
  std::string joined;
  for (size_t i = found.size(); i-- > 0;) joined += found[i] + (i > 0 ? "," : "");
  return joined;
}

std::string PlainForm(string_view latex) {
  constexpr std::array<string_view, 12> kDropped = {
      "\\left", "\\right", "\\displaystyle", "\\!", "\\,", "\\;", "\\:", "\\ ", "\\$",
      "$",      "~",       "\\quad"};
  std::string r;
  for (size_t i = 0; i < latex.size();) {
    bool dropped = IsSpace(latex[i]);
    size_t step = 1;
    for (const string_view d : kDropped) {
      if (dropped || !latex.substr(i).starts_with(d)) continue;
      // \leftarrow is no \left.
      if (d.size() > 2 && i + d.size() < latex.size() &&
          std::isalpha(static_cast<unsigned char>(latex[i + d.size()])))
        continue;
      dropped = true;
      step = d.size();
    }
    if (!dropped) r += latex[i];
    i += step;
  }
  while (r.ends_with('.')) r.pop_back();
  return r;
}

}  // namespace rlvr::math
