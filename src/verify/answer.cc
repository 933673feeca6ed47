// Final answers: extraction and DAPO's normalisation.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "verify/verify.h"

namespace rlvr {
namespace {

std::string Trim(std::string_view s) {
  const char* spaces = " \t\r\n";
  const size_t begin = s.find_first_not_of(spaces);
  if (begin == std::string_view::npos) return "";
  return std::string(s.substr(begin, s.find_last_not_of(spaces) - begin + 1));
}

void ReplaceAll(std::string* s, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = s->find(from, at)) != std::string::npos; at += to.size())
    s->replace(at, from.size(), to);
}

// The last \boxed{...}; nullopt if there is none or its braces do not balance.
std::optional<std::string> LastBoxed(std::string_view text) {
  const std::string_view marker = "\\boxed{";
  const size_t at = text.rfind(marker);
  if (at == std::string_view::npos) return std::nullopt;
  int depth = 1;
  for (size_t i = at + marker.size(); i < text.size(); ++i) {
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (depth == 0) return std::string(text.substr(at + marker.size(), i - at - marker.size()));
  }
  return std::nullopt;
}

// \text{...} and the like -> what is inside.
void Unwrap(std::string* s, std::string_view command) {
  for (size_t at; (at = s->find(command)) != std::string::npos;) {
    int depth = 1;
    size_t end = at + command.size();
    while (end < s->size() && depth > 0) {
      depth += (*s)[end] == '{' ? 1 : (*s)[end] == '}' ? -1 : 0;
      ++end;
    }
    if (depth > 0) return;
    s->erase(end - 1, 1);
    s->erase(at, command.size());
  }
}

// \frac ab -> \frac{a}{b} and sqrt a -> sqrt{a} for single characters.
void BraceArguments(std::string* s) {
  for (size_t at = 0; (at = s->find("frac", at)) != std::string::npos; at += 4) {
    const size_t i = at + 4;
    if (i + 1 < s->size() && (*s)[i] != '{' && (*s)[i + 1] != '{') {
      const std::string braced = std::string("{") + (*s)[i] + "}{" + (*s)[i + 1] + "}";
      s->replace(i, 2, braced);
    }
  }
  for (size_t at = 0; (at = s->find("sqrt", at)) != std::string::npos; at += 4) {
    const size_t i = at + 4;
    if (i < s->size() && (*s)[i] != '{' && (*s)[i] != '[')
      s->replace(i, 1, std::string("{") + (*s)[i] + "}");
  }
}

}  // namespace

std::optional<std::string> ExtractFinalAnswer(std::string_view response) {
  if (auto boxed = LastBoxed(response)) return Trim(*boxed);
  const std::string_view marker = "Answer:";
  const size_t at = response.rfind(marker);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = response.substr(at + marker.size());
  const std::string answer = Trim(rest.substr(0, rest.find('\n')));
  if (answer.empty()) return std::nullopt;
  return answer;
}

// After DAPO's normalize_final_answer (itself from Minerva, arXiv:2206.14858, App. D.1): the same
// effects, in the same order.
std::string NormalizeFinalAnswer(std::string a) {
  if (const size_t equals = a.rfind('='); equals != std::string::npos) a = a.substr(equals + 1);
  static const std::array<std::pair<const char*, const char*>, 12> kReplace = {
      {{"an ", ""},
       {"a ", ""},
       {".$", "$"},
       {"\\$", ""},
       {"\\ ", ""},
       {" ", ""},
       {"mbox", "text"},
       {",\\text{and}", ","},
       {"\\text{and}", ","},
       {"\\text{m}", "\\text{}"},
       {"^{\\circ}", ""},
       {"^\\circ", ""}}};
  for (const auto& [from, to] : kReplace) ReplaceAll(&a, from, to);
  static const std::array<const char*, 26> kRemove = {
      "square",   "ways",    "integers", "dollars",  "mph",
      "inches",   "hours",   "km",       "units",    "\\ldots",
      "sue",      "points",  "feet",     "minutes",  "digits",
      "cents",    "degrees", "cm",       "gm",       "pounds",
      "meters",   "meals",   "edges",    "students", "childrentickets",
      "multiples"};
  for (const char* word : kRemove) ReplaceAll(&a, word, "");
  // The text inside $...$, where there is any.
  if (const size_t first = a.find('$'); first != std::string::npos) {
    if (const size_t second = a.find('$', first + 1); second != std::string::npos)
      a = a.substr(first + 1, second - first - 1);
  }
  for (const char* command : {"\\text{", "\\textbf{", "\\overline{"}) Unwrap(&a, command);
  if (const auto boxed = LastBoxed(a)) a = *boxed;
  ReplaceAll(&a, "tfrac", "frac");
  ReplaceAll(&a, "dfrac", "frac");
  BraceArguments(&a);
  ReplaceAll(&a, "$", "");
  // 1,000 -> 1000
  std::string plain = a;
  plain.erase(std::remove(plain.begin(), plain.end(), ','), plain.end());
  if (!plain.empty() &&
      std::all_of(plain.begin(), plain.end(), [](unsigned char c) { return std::isdigit(c); }))
    a = plain;
  return Trim(a);
}

}  // namespace rlvr
