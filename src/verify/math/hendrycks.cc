#include "verify/math/hendrycks.h"

#include <vector>

#include "verify/math/characters.h"
#include "verify/verify.h"

namespace rlvr::math {
namespace {

using std::string_view;

constexpr size_t kMaxAnswer = 8192;  // bytes; longer ones are compared as they are

void Replace(std::string* s, string_view from, string_view to) {
  for (size_t at = 0; (at = s->find(from, at)) != std::string::npos; at += to.size())
    s->replace(at, from.size(), to);
}

std::vector<std::string> Split(const std::string& s, string_view at) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t i; (i = s.find(at, from)) != std::string::npos; from = i + at.size())
    parts.push_back(s.substr(from, i - from));
  parts.push_back(s.substr(from));
  return parts;
}

// \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}
std::string WithFractionBraces(const std::string& s) {
  const auto parts = Split(s, "\\frac");
  std::string r = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string& p = parts[i];
    r += "\\frac";
    if (p.starts_with('{')) {
      r += p;
      continue;
    }
    if (p.size() < 2) return s;
    r += std::string("{") + p[0] + "}";
    r += p[1] == '{' ? p.substr(1) : std::string("{") + p[1] + "}" + p.substr(2);
  }
  return r;
}

// \sqrt3 -> \sqrt{3}
std::string WithRootBraces(const std::string& s) {
  const auto parts = Split(s, "\\sqrt");
  std::string r = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string& p = parts[i];
    r += "\\sqrt";
    r += p.empty() || p[0] == '{' ? p : std::string("{") + p[0] + "}" + p.substr(1);
  }
  return r;
}

bool IsInteger(string_view s) {
  if (s.starts_with('-')) s.remove_prefix(1);
  if (s.empty() || (s.size() > 1 && s[0] == '0')) return false;
  return s.find_first_not_of("0123456789") == string_view::npos;
}

}  // namespace

std::optional<std::string> LastBoxedString(string_view text) {
  size_t at = text.rfind("\\boxed");
  if (const size_t spaced = text.rfind("\\boxed "); spaced != string_view::npos && spaced == at) {
    const string_view rest = text.substr(spaced + 7);
    return "\\boxed " + std::string(rest.substr(0, rest.find('$')));
  }
  if (at == string_view::npos) at = text.rfind("\\fbox");
  if (at == string_view::npos) return std::nullopt;
  int depth = 0;
  for (size_t i = at; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return std::string(text.substr(at, i + 1 - at));
  }
  return std::nullopt;
}

std::optional<std::string> InsideLastBox(string_view text) {
  const auto box = LastBoxedString(text);
  if (!box) return std::nullopt;
  if (box->starts_with("\\boxed ")) return box->substr(7);
  const size_t brace = box->find('{');
  if (brace == std::string::npos) return std::nullopt;
  return box->substr(brace + 1, box->size() - brace - 2);
}

std::string HendrycksForm(string_view answer) {
  std::string s(answer);
  if (s.size() > kMaxAnswer) return s;
  for (const auto& [from, to] : {std::pair<string_view, string_view>{"\n", ""},
                                 {"\\!", ""},
                                 {"\\\\", "\\"},
                                 {"tfrac", "frac"},
                                 {"dfrac", "frac"},
                                 {"\\left", ""},
                                 {"\\right", ""},
                                 {"^{\\circ}", ""},
                                 {"^\\circ", ""},
                                 {"\\$", ""}})
    Replace(&s, from, to);
  // Units stand behind "\text{ ".
  if (const auto parts = Split(s, "\\text{ "); parts.size() == 2) s = parts[0];
  Replace(&s, "\\%", "");
  Replace(&s, "%", "");
  Replace(&s, " .", " 0.");
  Replace(&s, "{.", "{0.");
  if (s.empty()) return s;
  if (s[0] == '.') s = "0" + s;
  // k = 5: short names are dropped.
  if (const auto parts = Split(s, "="); parts.size() == 2 && parts[0].size() <= 2) s = parts[1];
  s = WithRootBraces(s);
  Replace(&s, " ", "");
  s = WithFractionBraces(s);
  if (s == "0.5") s = "\\frac{1}{2}";
  if (const auto parts = Split(s, "/");
      parts.size() == 2 && IsInteger(parts[0]) && IsInteger(parts[1]))
    s = "\\frac{" + parts[0] + "}{" + parts[1] + "}";
  return s;
}

std::string DapoForm(string_view answer) {
  for (const string_view token : {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>"})
    answer = answer.substr(0, answer.find(token));
  return NormalizeFinalAnswer(std::string(answer));
}

bool HendrycksEqual(string_view gold, string_view answer) {
  return HendrycksForm(gold) == HendrycksForm(answer);
}

}  // namespace rlvr::math
