// Text -> tokens -> tree, and what is tried where that fails.
#include <algorithm>

#include "verify/math/limits.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

int TreeDepth(const Node& n) {
  int depth = 0;
  for (const Node& kid : n.kids) depth = std::max(depth, TreeDepth(kid));
  return depth + 1;
}

// "x = 1,000" has one comma-separated number on its right, not two.
bool ThousandsOnly(std::string_view s) {
  size_t i = s.find_first_not_of(" ");
  if (i == std::string_view::npos) return false;
  if (s[i] == '-') ++i;
  size_t digits = 0;
  while (i < s.size() && s[i] >= '0' && s[i] <= '9') ++i, ++digits;
  if (digits < 1 || digits > 3 || i >= s.size()) return false;
  int groups = 0;
  while (i < s.size() && s[i] == ',') {
    for (int k = 1; k <= 3; ++k)
      if (i + static_cast<size_t>(k) >= s.size() || s[i + static_cast<size_t>(k)] < '0' ||
          s[i + static_cast<size_t>(k)] > '9')
        return false;
    i += 4;
    ++groups;
  }
  if (i < s.size() && s[i] == '.') {
    ++i;
    while (i < s.size() && s[i] >= '0' && s[i] <= '9') ++i;
  }
  while (i < s.size() && (s[i] == ' ' || s[i] == '$')) ++i;
  return groups > 0 && i == s.size();
}

std::string WithoutThousands(std::string_view latex) {
  const size_t equals = latex.rfind('=');
  const size_t from = equals == std::string_view::npos ? 0 : equals + 1;
  std::string s(latex);
  if (ThousandsOnly(latex.substr(from)))
    s.erase(std::remove(s.begin() + static_cast<long>(from), s.end(), ','), s.end());
  return s;
}

std::optional<Node> ParseOnce(std::string_view latex) {
  std::vector<Lexeme> tokens = Lex(WithoutThousands(latex));
  if (tokens.size() <= 1) return std::nullopt;
  try {
    Node n = Parser(std::move(tokens)).Top();
    if (TreeDepth(n) > kMaxTreeDepth) return std::nullopt;
    return n;
  } catch (const ParseFailure&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<Node> Parse(std::string_view latex) {
  if (latex.size() > kMaxLatex) return std::nullopt;
  if (auto node = ParseOnce(latex)) return node;
  if (latex.find_first_of(",;") != std::string_view::npos) return std::nullopt;
  size_t parts = 1, last = 0;
  for (size_t i = 0; i < latex.size(); ++i) {
    if (latex[i] != '=') continue;
    if (i > 0 && std::string_view("\\<!>").find(latex[i - 1]) != std::string_view::npos) continue;
    ++parts;
    last = i + 1;
  }
  if (parts <= 2) return std::nullopt;
  return ParseOnce(latex.substr(last));
}

}  // namespace rlvr::math
