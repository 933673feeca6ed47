// "did you mean": the nearest of the known names, for errors about misspelt keys.
#ifndef RLVR_BASE_SUGGEST_H_
#define RLVR_BASE_SUGGEST_H_
#include <string>
#include <vector>

namespace rlvr {
// Number of insertions, deletions, substitutions and swaps of neighbours that turn a into b.
int EditDistance(const std::string& a, const std::string& b);
// "did you mean 'eps_high'?" for the nearest candidate, or "known: a, b, c" if none is near.
std::string DidYouMean(const std::string& name, const std::vector<std::string>& known);
}  // namespace rlvr
#endif  // RLVR_BASE_SUGGEST_H_
