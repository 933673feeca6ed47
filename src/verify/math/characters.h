// Bytes of text, whatever the locale.
#ifndef RLVR_VERIFY_MATH_CHARACTERS_H_
#define RLVR_VERIFY_MATH_CHARACTERS_H_
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace rlvr::math {

inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
inline std::string LowerCase(std::string_view s) {
  std::string r(s);
  for (char& c : r) c = LowerCase(c);
  return r;
}
inline std::string_view Trimmed(std::string_view s) {
  while (!s.empty() && IsSpace(s.front())) s.remove_prefix(1);
  while (!s.empty() && IsSpace(s.back())) s.remove_suffix(1);
  return s;
}
template <size_t N>
bool In(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_CHARACTERS_H_
