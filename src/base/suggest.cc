#include "base/suggest.h"

#include <algorithm>

namespace rlvr {

int EditDistance(const std::string& a, const std::string& b) {
  const size_t n = a.size(), m = b.size();
  std::vector<std::vector<int>> d(n + 1, std::vector<int>(m + 1));
  for (size_t i = 0; i <= n; ++i) d[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= m; ++j) d[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= n; ++i) {
    for (size_t j = 1; j <= m; ++j) {
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[n][m];
}

std::string DidYouMean(const std::string& name, const std::vector<std::string>& known) {
  const std::string* nearest = nullptr;
  int best = static_cast<int>(name.size()) / 2 + 2;  // farther than this is no typing error
  for (const auto& k : known) {
    const int d = EditDistance(name, k);
    if (d < best) {
      best = d;
      nearest = &k;
    }
  }
  if (nearest) return "did you mean '" + *nearest + "'?";
  std::string list = "known:";
  for (const auto& k : known) list += " " + k;
  return list;
}

}  // namespace rlvr
